"""The wordings of every task. `{0}` and `{1}` are filled in by the task: a colour, a shape, a word."""

UNKNOWN = "I don't know"
NUMBERS = "zero one two three four five six seven eight nine ten".split()

# task: (wordings that are trained on, wordings for the held-out set only)
WORDINGS = {
    # pictures
    "color": (
        [
            "What color is it?", "What colour is it?", "Which color is the shape?", "What colour is the shape?",
            "Name the color.", "What color is shown?", "What is the color of the shape?", "What color do you see?",
        ],
        ["Which colour do you see?", "What is the colour of the shape?", "Which color is it?"],
    ),
    "shape": (
        [
            "What shape is it?", "Which shape is shown?", "Name the shape.", "What shape do you see?",
            "Which shape is this?", "What is in the picture?", "What kind of shape is it?",
        ],
        ["What shape is shown?", "Which shape do you see?", "What kind of shape is this?"],
    ),
    "place": (
        [
            "Where is it?", "Where is the shape?", "Where in the picture is the shape?",
            "In which part of the picture is it?", "Where is the {0}?",
        ],
        ["Where in the picture is it?", "In which part of the picture is the shape?"],
    ),
    "size": (
        [
            "Is it big or small?", "Is the shape big or small?", "Is the {0} small or big?",
            "How big is it, big or small?",
        ],
        ["Is it small or big?", "How big is the shape, big or small?"],
    ),
    "count": (
        [
            "How many shapes are there?", "How many shapes do you see?", "Count the shapes.",
            "How many shapes are in the picture?", "What is the number of shapes?",
        ],
        ["How many shapes are shown?", "How many shapes can you see?"],
    ),
    "count color": (
        [
            "How many {0} shapes are there?", "How many shapes are {0}?", "Count the {0} shapes.",
            "How many {0} shapes do you see?",
        ],
        ["How many {0} shapes are shown?", "How many {0} ones are there?"],
    ),
    "count shape": (
        ["How many {0} are there?", "How many {0} do you see?", "Count the {0}.", "How many {0} are in the picture?"],
        ["How many {0} are shown?", "How many {0} can you see?"],
    ),
    "read": (
        [
            "What is written?", "Which word is written?", "Read the word.", "What word do you see?",
            "Read the text.", "Which word is in the picture?",
        ],
        ["Which word do you see?", "What word is written?", "Which word is shown?"],
    ),
    "read number": (
        [
            "Which number is written?", "What number do you see?", "Read the number.", "What is written?",
            "Which number is in the picture?",
        ],
        ["What number is written?", "Which number do you see?", "Which number is shown?"],
    ),
    "color of": (
        [
            "What color is the {0}?", "What colour is the {0}?", "Which color is the {0}?",
            "What is the color of the {0}?", "Name the color of the {0}.",
        ],
        ["Which colour is the {0}?", "What is the colour of the {0}?"],
    ),
    "shape of": (
        [
            "What shape is {0}?", "Which shape is {0}?", "What shape is the {0} one?", "Name the {0} shape.",
            "What is the {0} shape?",
        ],
        ["Which shape is the {0} one?", "What kind of shape is {0}?"],
    ),
    "exists": (
        [
            "Is there a {0} {1}?", "Do you see a {0} {1}?", "Is a {0} {1} in the picture?",
            "Does the picture show a {0} {1}?",
        ],
        ["Can you see a {0} {1}?", "Is a {0} {1} shown?"],
    ),
    "biggest": (
        [
            "Which shape is the biggest?", "What is the biggest shape?", "Which is bigger?",
            "Which shape is bigger?", "Which is the biggest?",
        ],
        ["What shape is the biggest?", "What is bigger?"],
    ),
    "left of": (
        [
            "What is left of the {0}?", "Which shape is left of the {0}?", "What is to the left of the {0}?",
            "Which shape is to the left of the {0}?",
        ],
        ["What shape is left of the {0}?", "What shape is to the left of the {0}?"],
    ),
    "right of": (
        [
            "What is right of the {0}?", "Which shape is right of the {0}?", "What is to the right of the {0}?",
            "Which shape is to the right of the {0}?",
        ],
        ["What shape is right of the {0}?", "What shape is to the right of the {0}?"],
    ),
    "same": (
        [
            "Do both pictures show the same shape?", "Is it the same shape in both pictures?",
            "Are the shapes in the two pictures the same?",
        ],
        ["Is the shape the same in both pictures?"],
    ),
    "same color": (
        [
            "Is it the same color in both pictures?", "Do both pictures show the same color?",
            "Are the colors in the two pictures the same?",
        ],
        ["Is the color the same in both pictures?"],
    ),
    "which picture": (
        [
            "Which picture shows the {0} {1}?", "Is the {0} {1} in the first or the second picture?",
            "In which picture is the {0} {1}?",
        ],
        ["Which picture has the {0} {1}?"],
    ),
    # clips
    "direction": (
        [
            "Which way does it move?", "In which direction does it move?", "Which way does the shape move?",
            "Where does the {0} move?", "In which direction does the {0} move?", "Which way does the {0} go?",
        ],
        ["Where does it move?", "Which way does it go?", "In which direction does the shape move?"],
    ),
    "event": (
        [
            "Does the shape appear or disappear?", "Does it appear or disappear?",
            "Does the {0} disappear or appear?", "Does it disappear or appear?",
        ],
        ["Does the shape disappear or appear?", "Does the {0} appear or disappear?"],
    ),
    "when appear": (
        [
            "When does the shape appear?", "When does the {0} appear?", "At what second does it appear?",
            "After how many seconds does it appear?", "At which second does the {0} appear?",
        ],
        ["When does it appear?", "After how many seconds does the {0} appear?"],
    ),
    "when disappear": (
        [
            "When does the shape disappear?", "When does the {0} disappear?", "At what second does it disappear?",
            "After how many seconds does it disappear?",
        ],
        ["When does it disappear?", "At which second does the shape disappear?"],
    ),
    "first color": (
        [
            "What color is it at first?", "What color is it first?", "Which color is the {0} first?",
            "What color does the shape have at the start?", "What colour is it at the start?",
        ],
        ["Which color is it at first?", "What colour is it first?"],
    ),
    "last color": (
        [
            "What color is it at the end?", "What color is it last?", "Which color is the {0} last?",
            "What color does the shape have at the end?", "What colour is it at the end?",
        ],
        ["Which color is it at the end?", "What colour is it last?"],
    ),
    "color after": (
        [
            "What color comes after {0}?", "Which color follows {0}?", "What color is it after {0}?",
            "Which color comes after {0}?",
        ],
        ["What colour comes after {0}?", "Which color is it after {0}?"],
    ),
    "first shape": (
        ["Which shape appears first?", "What appears first?", "Which shape comes first?"],
        ["What shape appears first?", "Which shape is first?"],
    ),
    "second shape": (
        ["Which shape appears second?", "What appears second?", "Which shape comes second?"],
        ["What shape appears second?", "Which shape is second?"],
    ),
    "last shape": (
        ["Which shape appears last?", "What appears last?", "Which shape comes last?"],
        ["What shape appears last?", "Which shape is last?"],
    ),
    "blinks": (
        [
            "How often does it blink?", "How many times does it blink?", "How often does the {0} blink?",
            "How many times does the shape blink?", "Count the blinks.",
        ],
        ["How often does the shape blink?", "How many times does the {0} blink?"],
    ),
    "moving shape": (
        ["Which shape moves?", "What moves?", "Which shape is moving?", "What is moving?"],
        ["What shape moves?", "What shape is moving?"],
    ),
    "speed": (
        [
            "Does it move fast or slowly?", "Is it fast or slow?", "Does the {0} move fast or slow?",
            "How fast does it move, fast or slow?",
        ],
        ["Is the shape fast or slow?", "Does it move fast or slow?"],
    ),
    "act": (
        [
            "What does the shape do?", "What does it do?", "What does the {0} do?", "What happens?",
            "What happens in the video?",
        ],
        ["What happens to the shape?", "What does the shape do in the video?"],
    ),
    # sounds
    "word": (
        [
            "Which word is said?", "What is said?", "What word do you hear?", "Which word do you hear?",
            "What does the voice say?", "Name the word.",
        ],
        ["What word is said?", "What do they say?", "Which word does the voice say?"],
    ),
    "digit": (
        [
            "Which number is said?", "What number do you hear?", "Which digit is said?", "What digit do you hear?",
            "Which word is said?", "What is said?",
        ],
        ["What number is said?", "Which digit do you hear?"],
    ),
    "digits": (
        [
            "Which numbers are said?", "Which digits are said?", "What numbers do you hear?",
            "Write down the numbers.", "What digits do you hear?",
        ],
        ["What digits are said?", "Which numbers do you hear?"],
    ),
    "first word": (
        ["Which word is said first?", "What is the first word?", "What is said first?", "Which word comes first?"],
        ["What word is said first?", "Which word is the first?"],
    ),
    "last word": (
        ["Which word is said last?", "What is the last word?", "What is said last?", "Which word comes last?"],
        ["What word is said last?", "Which word is the last?"],
    ),
    "hear": (
        [
            "What do you hear?", "What kind of sound is it?", "What is in the recording?", "What can be heard?",
            "Which kind of sound is it?",
        ],
        ["What can you hear?", "What kind of sound do you hear?"],
    ),
    "beeps": (
        [
            "How many beeps are there?", "How many beeps do you hear?", "Count the beeps.",
            "How often does it beep?", "How many times does it beep?",
        ],
        ["How many beeps can be heard?", "How many beeps can you hear?"],
    ),
    "tone": (
        [
            "Does the tone rise or fall?", "Is the tone rising or falling?", "Does the sound rise or fall?",
            "Does the tone fall or rise?",
        ],
        ["Does the sound fall or rise?", "Is the sound rising or falling?"],
    ),
    "when beep": (
        [
            "When does it beep?", "At what second does it beep?", "When is the beep?",
            "After how many seconds does it beep?", "When do you hear the beep?",
        ],
        ["At which second does it beep?", "When does the beep come?"],
    ),
    # clips with sound
    "word while": (
        [
            "Which word is said while the {1} is {0}?", "What is said while it is {0}?",
            "Which word is said while the {0} {1} is visible?", "What word do you hear while the {0} {1} is shown?",
            "Which word do you hear while it is {0}?",
        ],
        ["What word is said while it is {0}?", "What is said while the {0} {1} is visible?"],
    ),
    "color when": (
        [
            "What color is shown when {0} is said?", "What color is it when you hear {0}?",
            "Which color is visible when the word {0} is said?", "What colour is it while {0} is said?",
            "Which color do you see when {0} is said?",
        ],
        ["Which color is shown when you hear {0}?", "What color do you see when the word {0} is said?"],
    ),
    "shape when": (
        [
            "Which shape is shown when {0} is said?", "What shape is visible when you hear {0}?",
            "Which shape do you see while {0} is said?", "What shape is it when the word {0} is said?",
        ],
        ["What shape is shown when you hear {0}?", "Which shape is visible when the word {0} is said?"],
    ),
    "before or after": (
        [
            "Is the {0} before or after the {1} appears?", "Does the {0} come before or after the {1} appears?",
            "Do you hear the {0} before or after the shape appears?",
            "Is the {0} heard after or before the {1} appears?",
        ],
        [
            "Is the {0} heard before or after the shape appears?",
            "Does the {0} come before or after the shape appears?",
        ],
    ),
    "moving when": (
        [
            "Which shape moves when it beeps?", "What moves when it beeps?", "Which shape is moving when it beeps?",
            "What is moving during the beep?", "Which shape moves during the beep?",
        ],
        ["What shape moves when it beeps?", "Which shape is moving during the beep?"],
    ),
    "often while": (
        [
            "How often is {0} said while the shape blinks?", "How many times is {0} said while it blinks?",
            "How often do you hear {0} while the {1} blinks?",
        ],
        ["How often is {0} said while it blinks?", "How many times do you hear {0} while it blinks?"],
    ),
}

# what cannot be known from a picture, a clip, a sound: asked of the wrong medium
ABOUT_SOUND = ["word", "digit", "hear", "beeps", "tone", "when beep"]
ABOUT_SIGHT = ["color", "shape", "place", "size", "count", "direction"]

# what no medium here can tell
STRANGE = [
    "Who are you?", "What is your name?", "What is the weather like?", "What is the capital of France?",
    "How old is the man?", "What time is it?", "Who is speaking?", "Why?", "Where was this recorded?",
    "Tell me a story.", "What brand is the car?", "Who is in the picture?", "What day is it?", "What is the price?",
    "How tall is she?", "Which song is playing?", "What language is this?", "What is the meaning of this?",
    "How heavy is it?", "How far is it to the station?", "How are you?", "How long is the river?",
    "How deep is the sea?", "How hot is it outside?", "How many people live here?", "How do I get there?",
    "How rich is he?", "How did it end?", "How much money is that?", "How much is two and two?",
    "Which street is this?", "Which country is it from?", "Which team won?", "Which planet is the largest?",
    "Which year was it?", "Which bus goes there?", "What is the woman called?", "What is her job?",
    "What is his age?", "What is the name of the river?", "What is for dinner?", "What is the man doing?",
    "What did she buy?", "Who is the king of Spain?", "Who wrote this book?", "Who took this picture?", "Who won?",
    "Who lives here?", "Where are you from?", "Where is the bank?", "Where do they live?", "When was this taken?",
    "When is your birthday?", "When does the train leave?", "Is he married?", "Is it going to rain?",
    "Is this a good idea?", "Are they happy?", "Do you like it?", "Does she know him?", "Can you swim?",
    "Why is he sad?", "Tell me a joke.", "Write a poem.", "Translate this.", "Sing a song.",
]
HELD_OUT_STRANGE = [
    "Who is the president?", "How much does it cost?", "What is the man's name?", "Which city is this?",
]
