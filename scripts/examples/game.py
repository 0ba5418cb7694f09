"""A game in the terminal: walk to the star with up, down, left and right; stop ends the game.

python scripts/examples/game.py
"""

import random
import sys

import kws_live

WIDTH, HEIGHT, N_STARS = 9, 5, 3
STEPS = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}


class Game:
    """A walker and a star at different places."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)
        self.walker = (WIDTH // 2, HEIGHT // 2)
        self.n_stars = self.n_steps = 0
        self.star = self._somewhere_else()

    def _somewhere_else(self) -> tuple[int, int]:
        places = [(x, y) for x in range(WIDTH) for y in range(HEIGHT) if (x, y) != self.walker]
        return self._random.choice(places)

    def step(self, word: str) -> None:
        x, y = (at + by for at, by in zip(self.walker, STEPS[word], strict=True))
        self.walker = (min(max(x, 0), WIDTH - 1), min(max(y, 0), HEIGHT - 1))
        self.n_steps += 1
        if self.walker == self.star:
            self.n_stars += 1
            self.star = self._somewhere_else()

    def __str__(self) -> str:
        signs = {self.star: "*", self.walker: "@"}
        rows = [" ".join(signs.get((x, y), ".") for x in range(WIDTH)) for y in range(HEIGHT)]
        return "\n".join([*rows, f"{self.n_stars} of {N_STARS} stars, {self.n_steps} steps"])


def main(game: Game) -> None:
    print(f"\033[2J\033[H{game}", flush=True)
    with kws_live.listen() as spotter, spotter.only(*STEPS, "stop"):
        while game.n_stars < N_STARS:
            detection = spotter.wait_for()
            if detection is None or detection.keyword == "stop":
                return
            game.step(detection.keyword)
            print(f"\033[2J\033[H{game}", flush=True)
    print("all stars found")


if __name__ == "__main__":
    main(Game(int(sys.argv[1]) if len(sys.argv) > 1 else None))
