"""The words that are printed in pictures.

HELD_OUT is never trained on, and no made-up word of the training equals one of them."""
import string

import numpy as np

LETTERS = string.ascii_lowercase + string.digits
VOWELS = "aeiou"
CONSONANTS = "bcdfghjklmnprstvwxyz"

TRAINED = """
    ace act add age aid aim air ant arm art ash bag bat bed bee big bin bit bow box boy bug bun bus cab cap cat cow
    cry cup cut dad day den dew dig dim dip dog dot dry duck ear eat egg end eye fan far fat few fig fin fit fix
    flag fly fog four fox free frog fun fur gap gas gate get gift girl give glad glue goal gold good gray green grow
    gum hair half hall hand hard hat have head help hero hide high hill hint hip hold hole home hook hope horn hot
    hour hug hunt ice idea inch ink iron jam jar jaw jet job join joke joy jump just keep key kick kid kind kite
    knee know lady lake lamp land last late law lazy leaf left leg lift like line lion list log long look loud love
    luck lump mad mail main make man map mark mask meal meat milk mind mix mole mom mop mud mug nail name navy near
    neck nest net new next nine nod nose note nut oak oat odd old open out oven owl own pack page pan park path pay
    pea peg pen pet pie pig pin pipe plan play plum pod pool pop pot pull push quiz race rain ram rat red rice ride
    ring road rock roof root rope rose row rug rule run sad safe salt sand save saw sea seat seed sell shoe shop
    show side sign silk sing sit six size skin sky slow snow soap sock soft sold song soup star stay stop sun swim
    tail take talk tall tap tax tea team tell ten test tie time tin toe tool top toy try tub turn two ugly use van
    vast very vet view visit vote wait walk wall warm wash wave way web week west wet what wheel white wide wife
    wild win wind wine wing wise wolf wood word work yard year yes yet you zero zip zone zoo apple beach black bread
    brown chair cheek clock cloud dance dream drink eight field first flame floor fruit giant glass grape grass
    happy heart honey horse house image juice knife large laugh lemon light lucky magic mouse mouth music night
    ocean onion paint paper party pearl piano pilot plant plate quick quiet radio river robot round royal scale
    seven shape sheep shirt small smile snake space spoon stone storm sugar sweet table three tiger toast tooth
    tower train truck uncle water whale world young zebra
""".split()

HELD_OUT = """
    bake band bark bean bell bird blue boat body bone book bowl bulb cage cake calm camp card cave city clay coat
    code coin cold cook corn crab dark deep deer desk dice dish door down dust east face fact fall farm fast film
    fire fish five food fork fort game goat hawk jazz king lace lime lock loop mild moon moth neat nice palm pink
    post quit ripe sail ship team tent tidy toad tree vase vine wink worm yawn yoga
""".split()
HELD_OUT = [word for word in HELD_OUT if word not in TRAINED]


def made_up(g: np.random.Generator) -> str:
    """A string of 3 to 5 letters: vowels and consonants in turn, or anything."""

    def pick(letters):
        return letters[int(g.integers(len(letters)))]

    while True:
        length = int(g.integers(3, 6))
        first = int(g.integers(2))
        if g.random() < .6:
            word = "".join(pick(VOWELS if (i + first) % 2 else CONSONANTS) for i in range(length))
        else:
            word = "".join(pick(string.ascii_lowercase) for _ in range(length))
        if word not in HELD_OUT:
            return word
