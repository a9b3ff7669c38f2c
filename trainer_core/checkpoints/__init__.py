"""What a run goes on from: taken, written, kept, mirrored and put back."""
