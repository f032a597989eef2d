"""Throw-away classifiers on the encoders' rows: they teach the encoders, and are no part of the model."""
import torch.nn as nn

from lexicon import LETTERS
from model import WIDTH
from scenes import COLOR_NAMES, SHAPES
from tasks import MOST_SAID, SCREEN_CLASSES, SOUND_CLASSES


class Heads(nn.ModuleDict):
    """What each is asked is in targets.py."""

    def __init__(self):
        super().__init__(dict(
            # of a cell of a picture: how many things, and what the one there is
            count=nn.Linear(WIDTH, 3),
            color=nn.Linear(WIDTH, len(COLOR_NAMES)),
            shape=nn.Linear(WIDTH, len(SHAPES)),
            moving=nn.Linear(WIDTH, 5),
            state=nn.Linear(WIDTH, 4),
            where=nn.Linear(WIDTH, 2),
            # of a cell: its own place, and the size of the picture
            row=nn.Linear(WIDTH, 8),
            column=nn.Linear(WIDTH, 8),
            height=nn.Linear(WIDTH, 2),
            # of a row of sound: what is heard; and halfway through the decoder, what is on screen and heard then
            heard=nn.Linear(WIDTH, SOUND_CLASSES),
            shown=nn.Linear(WIDTH, SCREEN_CLASSES),
            form=nn.Linear(WIDTH, 1 + len(SHAPES)),
            said=nn.Linear(WIDTH, SOUND_CLASSES),
            # of a cell of print: the letter whose middle is in each half of it, and the letter over each quarter of it
            letters=nn.Linear(WIDTH, 2 * (1 + len(LETTERS))),
            covers=nn.Linear(WIDTH, 4 * (1 + len(LETTERS))),
            # of a row of sound, behind the fourth layer of the decoder: how many words were said since it blinks
            so_far=nn.Linear(WIDTH, 1 + MOST_SAID),
        ))
