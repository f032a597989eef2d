"""What a row of sound can be, and what can be on screen at a moment: what the training's throw-away heads learn."""
from scenes import COLOR_NAMES, SHAPES
from voices import WORDS

# of sound: 0 nothing, 1.. a word, a beep, a rising tone, a falling tone, noise
BEEP = len(WORDS) + 1
RISE = len(WORDS) + 2
FALL = len(WORDS) + 3
HISS = len(WORDS) + 4
SOUND_CLASSES = len(WORDS) + 5

# on screen: a colour, nothing, or the shape that moves
SCREEN_NOTHING = len(COLOR_NAMES)
SCREEN_MOVES = len(COLOR_NAMES) + 1
SCREEN_CLASSES = SCREEN_MOVES + len(SHAPES)
# the form on screen: a shape, or nothing
FORM_NOTHING = len(SHAPES)
# how many words were said so far, at most
MOST_SAID = 5


def screen_color(color: str) -> int:
    return COLOR_NAMES.index(color)


def screen_moves(shape: str) -> int:
    return SCREEN_MOVES + SHAPES.index(shape)


def form_of(shape: str) -> int:
    return SHAPES.index(shape)
