"""What is asked of the held-out set: of each task its chance, and the bound that the project set itself."""

TASKS = dict(  # kind: {task: chance}
    picture={
        "color": 1 / 6, "shape": 1 / 5, "place": 1 / 5, "size": 1 / 2, "count": 1 / 6, "count color": 1 / 4,
        "count shape": 1 / 5, "color of": 1 / 6, "shape of": 1 / 5, "exists": 1 / 2, "biggest": 1 / 2,
        "left of": 1 / 2, "right of": 1 / 2, "unknown": 1 / 6, "read": 1 / 500, "read new": 0, "read number": 1 / 1000,
    },
    pictures={"same": 1 / 2, "same color": 1 / 2, "which picture": 1 / 2},
    clip={
        "direction": 1 / 4, "event": 1 / 2, "when appear": 1 / 3, "when disappear": 1 / 3, "first color": 1 / 6,
        "last color": 1 / 6, "color after": 1 / 6, "first shape": 1 / 3, "second shape": 1 / 3, "last shape": 1 / 3,
        "blinks": 1 / 3, "moving shape": 1 / 2, "speed": 1 / 2, "act": 1 / 5, "shape": 1 / 5, "color": 1 / 6,
    },
    sound={
        "digit": 1 / 10, "word": 1 / 60, "digits": 1 / 100, "first word": 1 / 60, "last word": 1 / 60, "hear": 1 / 5,
        "beeps": 1 / 5, "tone": 1 / 2, "when beep": 1 / 4, "unknown": 1 / 6,
    },
    joint={
        "word while": 1 / 3, "color when": 1 / 3, "shape when": 1 / 3, "before or after": 1 / 2, "moving when": 1 / 2,
        "often while": 1 / 4,
    },
)
BOUND = {  # (kind, task): bound, where it is not USUAL
    **{("picture", task): .95 for task in ("color", "shape", "place")},
    **{("clip", task): .95 for task in ("direction", "shape", "color")},
    **{("sound", task): .95 for task in ("digit", "beeps")},
    **{("joint", task): .9 for task in TASKS["joint"]},
    **{(kind, task): .9 for kind in ("clip", "sound") for task in TASKS[kind] if task.startswith("when")},
}
USUAL = .85
