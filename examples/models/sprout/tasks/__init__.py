"""Pictures, clips, sounds and clips with sound, and what can be asked about each. Endless: a seed decides everything.

A question is (task, question, answer). Sizes are in pixels of whatever canvas is asked for, so the same scene code
draws training tensors directly at the size the model sees and held-out files at the size a camera would write."""
from tasks.classes import BEEP, MOST_SAID, SCREEN_CLASSES, SOUND_CLASSES
from tasks.joint import Joint
from tasks.pictures import Pictures
from tasks.print import Print
from tasks.scene import Scene


class Tasks(Pictures, Print, Joint):
    """All of them, from one generator."""


__all__ = ["BEEP", "MOST_SAID", "SCREEN_CLASSES", "SOUND_CLASSES", "Scene", "Tasks"]
