// The line to the playground: a WebSocket that comes back by itself, and calls that wait for their answer.

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 5000;
const NOT_CONNECTED = "Not connected to the playground. It will be tried again in a moment.";

export class Connection {
  #socket = null;
  #person;
  #calls = new Map();
  #next = 1;
  #retry = FIRST_RETRY_MS;
  #onEvent;
  #onLine;

  /** `onEvent(event)` gets every event of the playground, first "state"; `onLine(connected)` tells of the line itself. */
  constructor(person, onEvent, onLine) {
    this.#person = person;
    this.#onEvent = onEvent;
    this.#onLine = onLine;
    this.#open();
  }

  #open() {
    const address = new URL("/page/ws", location.href.replace(/^http/, "ws"));
    if (this.#person) address.searchParams.set("person", this.#person);
    this.#socket = new WebSocket(address);
    this.#socket.addEventListener("message", ({ data }) => this.#receive(JSON.parse(data)));
    this.#socket.addEventListener("close", () => this.#closed());
  }

  #receive(event) {
    if (event.type === "result") {
      const call = this.#calls.get(event.id);
      this.#calls.delete(event.id);
      if (event.error) call?.reject(new Error(event.error));
      else call?.resolve(event);
      return;
    }
    if (event.type === "state") {
      this.#retry = FIRST_RETRY_MS;
      this.#onLine(true);
    }
    this.#onEvent(event);
  }

  #closed() {
    for (const call of this.#calls.values()) call.reject(new Error("The connection to the playground was lost."));
    this.#calls.clear();
    this.#onLine(false);
    setTimeout(() => this.#open(), this.#retry);
    this.#retry = Math.min(this.#retry * 2, LONGEST_RETRY_MS);
  }

  /** Do `op` as the person; resolves with its result, rejects with the sentence the person would be shown. */
  call(op, fields = {}) {
    if (this.#socket.readyState !== WebSocket.OPEN) {
      return Promise.reject(new Error(NOT_CONNECTED));
    }
    const id = this.#next;
    this.#next += 1;
    this.#socket.send(JSON.stringify({ id, op, ...fields }));
    return new Promise((resolve, reject) => this.#calls.set(id, { resolve, reject }));
  }

  /** Bring a file to the playground; resolves with the name by which a call attaches it. */
  async upload(file) {
    const address = `/page/upload?${new URLSearchParams({ filename: file.name })}`;
    const answer = await fetch(address, { method: "POST", body: file }).catch(() => {
      throw new Error(NOT_CONNECTED);
    });
    if (!answer.ok) throw new Error(await answer.text());
    return (await answer.json()).upload;
  }
}
