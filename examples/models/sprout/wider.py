"""More wordings of every task for the training: some written out, the rest by exchanging what means the same.

A wording of the held-out set is never among those that are asked: Choices.ask leaves it out."""
import re

from questions import WORDINGS

# parts of a wording that may stand for each other
EXCHANGED = [
    ("color", "colour"), ("do you see", "can you see"), ("do you hear", "can you hear"),
    ("How often", "How many times"), ("in the picture", "in the image"), ("is shown", "is visible"),
    ("are there", "are shown"), ("at the end", "in the end"), ("at the start", "in the beginning"),
    ("big or small", "small or big"), ("fast or slow", "slow or fast"), ("before or after", "after or before"),
    ("rise or fall", "fall or rise"), ("rising or falling", "falling or rising"),
    ("appear or disappear", "disappear or appear"), ("comes after", "follows"),
    *((f"What {noun}", f"Which {noun}") for noun in "color colour shape word number digit numbers digits".split()),
]
# the same where a shape is asked about, and no sound
OF_A_SHAPE = [("is it", "is the shape"), ("does it", "does the shape"), ("while it is", "while the shape is")]
OF_A_SOUND = re.compile("beep|sound|tone|say")
# what may stand before a question
BEFORE = ("Tell me: ", "Please answer: ", "Look and listen. ", "A question: ", "Now, ")

MORE = {
    "place": [
        "Which part of the picture is it in?", "Where is the {0} in the picture?",
        "In what part of the image is the {0}?", "On which side is the {0}?", "At which place is it?",
        "In which part of the picture do you see the {0}?",
    ],
    "size": [
        "Is this a big or a small {0}?", "Which size is it, big or small?",
    ],
    "count": [
        "How many things do you see?", "What number of shapes do you see?", "How many shapes does the picture have?",
    ],
    "count color": [
        "How many of the shapes are {0}?", "What is the number of {0} shapes?", "How many things are {0}?",
        "How many {0} things do you see?",
    ],
    "count shape": [
        "What is the number of {0}?", "How many of them are {0}?", "How many {0} does the picture have?",
    ],
    "read": [
        "What does it say?", "What text do you see?", "Which letters are written?", "What is the word?",
        "What is printed?",
    ],
    "read number": [
        "What does it say?", "What is the number?", "Which digits are written?", "What number is in the picture?",
        "What is printed?",
    ],
    "shape of": [
        "What is {0}?", "What shape does the {0} one have?", "Which kind of shape is {0}?",
        "Which shape do you see in {0}?",
    ],
    "exists": [
        "Does it have a {0} {1}?", "Is a {0} {1} there?", "Can you find a {0} {1}?", "Do you find a {0} {1} in it?",
        "Are you able to see a {0} {1}?", "Is a {0} {1} to be seen?", "Can a {0} {1} be seen?",
    ],
    "left of": [
        "Which shape stands left of the {0}?", "What do you see left of the {0}?", "What is on the left of the {0}?",
    ],
    "right of": [
        "Which shape stands right of the {0}?", "What do you see right of the {0}?",
        "What is on the right of the {0}?",
    ],
    "direction": [
        "Where does it go?", "Which way is it moving?", "In what direction does the {0} go?",
    ],
    "first color": [
        "What is its first color?", "Which color does it start with?", "What color does the {0} have first?",
    ],
    "last color": [
        "What is its last color?", "Which color does it end with?", "What color does the {0} have last?",
        "Which color comes last?",
    ],
    "color after": [
        "After {0}, what color is it?", "Which color is next after {0}?", "What color does it turn after {0}?",
        "What comes after {0}?", "Which color do you see after {0}?",
    ],
    "speed": [
        "Is the {0} slow or fast?", "Does it go fast or slow?", "Is it moving fast or slow?",
        "Is the {0} moving fast or slowly?",
    ],
    "act": [
        "What is the {0} doing?", "What happens to the {0}?", "What does it do in the clip?",
    ],
    "hear": [
        "What do you hear in the recording?", "Which sound can you hear?", "What sort of sound is this?",
        "Which kind of sound do you hear?", "What can you hear in it?",
    ],
    "digits": [
        "Which numbers does the voice say?", "What are the digits?", "Name the numbers.",
    ],
    "first word": [
        "Which word do you hear first?", "What word comes first?", "With which word does it begin?",
    ],
    "last word": [
        "Which word do you hear last?", "What word comes last?", "With which word does it end?",
    ],
    "color when": [
        "What color is the shape when {0} is said?", "When {0} is said, what color do you see?",
        "Which color is on screen when you hear {0}?",
    ],
    "shape when": [
        "What shape is it when {0} is said?", "When {0} is said, which shape do you see?",
        "Which shape is on screen when you hear {0}?",
    ],
    "word while": [
        "Which word do you hear while the {0} {1} is visible?", "While it is {0}, which word is said?",
        "What does the voice say while it is {0}?",
    ],
    "often while": [
        "How many times does the voice say {0} while it blinks?", "While it blinks, how often is {0} said?",
    ],
}


def plain(question: str) -> str:
    """Without case and punctuation: two questions that are alike so are one."""
    return re.sub(r"[?.!,:]", "", question).lower().strip()


def wider(wordings: list[str], rounds=2) -> list[str]:
    """The wordings, and what they become when parts are exchanged, up to `rounds` of them."""
    out = dict.fromkeys(wordings)
    for _ in range(rounds):
        for wording in list(out):
            pairs = EXCHANGED if OF_A_SOUND.search(wording) else EXCHANGED + OF_A_SHAPE
            for pair in pairs:
                for a, b in (pair, pair[::-1]):
                    out[re.sub(rf"\b{a}\b", b, wording)] = None
    return list(out)


WIDER = {task: wider(trained + MORE.get(task, [])) for task, (trained, _) in WORDINGS.items()}
