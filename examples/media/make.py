"""Makes the files that the examples and the demo read. Needs espeak-ng and ffmpeg. `python make.py` from anywhere.

demo.mp4      5 s, h264 and aac: a blue square appears after two seconds; later a voice says "seven"
parts.mp4     6 s, h264 and aac: a red circle, then a blue square, then a yellow triangle, two seconds each; a voice says "dog" while
              the square is there and "seven" while the triangle is there
moving.mp4    5 s, h264 and aac: a green star moves, then a purple square, then the star again; it beeps while the square moves
shapes.png    five shapes: two red circles, a blue square, a green triangle, a yellow star
photo.jpg     one orange star, small, at the left, on a grey gradient
number.wav    a voice that says "four"
numbers.mp3   a voice that says "three", "one", "seven"
beeps.wav     three beeps"""
import os, subprocess, sys, wave
import numpy as np
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__)); sys.path.insert(0, os.path.join(HERE, "..", "models", "sprout"))
from scenes import SR, Thing, beep
from voices import espeak

RATE = 15
g = np.random.default_rng(4)
PLAIN = dict(red=(225, 35, 35), green=(30, 170, 60), blue=(40, 80, 230), yellow=(240, 215, 40), purple=(145, 45, 190), orange=(245, 140, 30))
def thing(shape, color, r): t = Thing(g, shape, color, r, tilt=.05); t.rgb = np.array(PLAIN[color], np.float32); return t
def ground(h, w, light=232, slope=26): y, x = np.mgrid[0:h, 0:w]; return np.repeat((light - slope * (x / w + y / h) / 2)[..., None], 3, 2).astype(np.float32)
def pixels(im): return np.clip(np.round(im), 0, 255).astype(np.uint8)
def say(word): return espeak(word, "en-us", "m3", 150, 50).astype(np.float32) / 32768
def pcm(path, x):
    with wave.open(path, "wb") as f: f.setnchannels(1); f.setsampwidth(2); f.setframerate(SR); f.writeframes((np.clip(x, -1, 1) * 32767).astype("<i2").tobytes())
def line(seconds, *sounds):
    x = np.random.default_rng(1).standard_normal(int(seconds * SR)).astype(np.float32) * .0008
    for at, y in sounds: i = int(at * SR); x[i:i + len(y)] += y
    return x
def film(name, seconds, h, w, draw, sound):
    pcm(f"{HERE}/sound.tmp", sound); frames = b"".join(pixels(draw(i / RATE)).tobytes() for i in range(int(seconds * RATE)))
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{w}x{h}", "-r", str(RATE), "-i", "-", "-f", "wav", "-i", f"{HERE}/sound.tmp", "-c:v", "libx264", "-preset", "slow", "-crf", "20", "-pix_fmt", "yuv420p",
        "-c:a", "aac", "-b:a", "96k", "-movflags", "+faststart", "-bitexact", f"{HERE}/{name}"], input=frames, check=True); os.remove(f"{HERE}/sound.tmp")

def demo():
    h, w = 240, 320; square = thing("square", "blue", 42); base = ground(h, w)
    def draw(t):
        im = base.copy()
        if t >= 2: square.paint(im, 190, 130)
        return im
    film("demo.mp4", 5, h, w, draw, line(5, (3.3, say("seven"))))

def parts():
    h, w = 240, 320; circle, square, triangle = thing("circle", "red", 38), thing("square", "blue", 40), thing("triangle", "yellow", 42); base = ground(h, w)
    def draw(t):
        im = base.copy()
        if t < 2: circle.paint(im, 90, 110)
        elif t < 4: square.paint(im, 210, 140)
        else: triangle.paint(im, 150, 95)
        return im
    film("parts.mp4", 6, h, w, draw, line(6, (2.7, say("dog")), (4.7, say("seven"))))

def moving():
    h, w = 240, 320; star, square = thing("star", "green", 34), thing("square", "purple", 32); base = ground(h, w, 240, 15)
    def draw(t):
        im = base.copy(); star.paint(im, np.interp(t, (.1, 1.6, 3.4, 4.9), (70, 200, 200, 90)), 70); square.paint(im, np.interp(t, (1.7, 3.3), (80, 230)), 175); return im
    film("moving.mp4", 5, h, w, draw, line(5, (2.3, beep(np.random.default_rng(2), .2, 900))))

def pictures():
    im = ground(300, 400, 245, 10)
    for shape, color, x, y in (("circle", "red", 80, 80), ("circle", "red", 300, 225), ("square", "blue", 200, 150), ("triangle", "green", 95, 225), ("star", "yellow", 315, 75)): thing(shape, color, 36).paint(im, x, y)
    Image.fromarray(pixels(im)).save(f"{HERE}/shapes.png", optimize=True)
    im = ground(360, 480, 150, 60); thing("star", "orange", 34).paint(im, 75, 185); Image.fromarray(pixels(im)).save(f"{HERE}/photo.jpg", quality=85)

def sounds():
    pcm(f"{HERE}/number.wav", line(2, (.7, say("four")))); x = line(4, (.5, say("three")), (1.6, say("one")), (2.7, say("seven"))); pcm(f"{HERE}/sound.tmp", x)
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "wav", "-i", f"{HERE}/sound.tmp", "-c:a", "libmp3lame", "-b:a", "96k", "-bitexact", f"{HERE}/numbers.mp3"], check=True); os.remove(f"{HERE}/sound.tmp")
    b = beep(np.random.default_rng(3), .12, 880); pcm(f"{HERE}/beeps.wav", line(2.5, (.4, b), (1., b), (1.6, b)))

if __name__ == "__main__": demo(); parts(); moving(); pictures(); sounds()
