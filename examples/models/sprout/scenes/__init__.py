"""What the data are drawn and mixed from: shapes in several styles on several grounds, and sounds on a time line.

Every function takes a numpy Generator, so that a seed decides everything. Pixels are float32 in 0..255 until they are
rounded; sound is float32 in -1..1 at SR samples a second."""
from scenes.grounds import Grounds, wear
from scenes.print import FONTS, HELD_OUT_FONTS, Lettering
from scenes.shapes import COLOR_NAMES, COLORS, CORNERS, HELD_OUT_STYLES, SHAPES, STYLES, Thing, mix_color
from scenes.sounds import NOISE, SR, Track, Voices, beep, recorded, sweep

__all__ = [
    "COLORS", "COLOR_NAMES", "CORNERS", "FONTS", "Grounds", "HELD_OUT_FONTS", "HELD_OUT_STYLES", "Lettering", "NOISE",
    "SHAPES", "SR", "STYLES", "Thing", "Track", "Voices", "beep", "mix_color", "recorded", "sweep", "wear",
]
