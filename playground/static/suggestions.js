// A bot's suggestions for what is being typed: asked for once the person pauses, and dropped where they come too late.

const DEBOUNCE_MS = 150;

export class Suggestions {
  #timer = 0;
  #asked = 0;

  /** Call `load` in a moment, and `show` with its {choices}, and a {hint} where it failed, unless it is forgotten by then. */
  ask(load, show) {
    this.forget();
    const asked = this.#asked;
    this.#timer = setTimeout(async () => {
      const answer = await load().then(
        (choices) => ({ choices }),
        () => ({ choices: [], hint: "The suggestions could not be loaded." }),
      );
      if (asked === this.#asked) show(answer);
    }, DEBOUNCE_MS);
  }

  forget() {
    clearTimeout(this.#timer);
    this.#asked += 1;
  }
}
