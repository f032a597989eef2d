#!/usr/bin/env bash
# Makes the media of the examples: needs ffmpeg, espeak-ng and sox. Run in this folder.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { espeak-ng -v en-us -s 150 -w "$work/$1.wav" "$2" && sox "$work/$1.wav" -r 16000 -c 1 "$work/$1-16k.wav"; }
say first "Here comes the blue square."
say second "The band plays a march."
say third "The green square is the last."

# A clip of nine seconds: a blue, a red and a green square pass by, and something is said while each is there.
sox -m -v 1 "$work/first-16k.wav" "|sox $work/second-16k.wav -p pad 3" "|sox $work/third-16k.wav -p pad 6" "$work/sound.wav" trim 0 9 pad 0 1 trim 0 9
square() { echo "overlay=x='40+60*(t-$1)':y=70:enable='between(t,$1,$1+2.99)'"; }
color() { echo "-f lavfi -i color=c=$1:s=100x100:r=12:d=9"; }
# shellcheck disable=SC2046 # The options are words.
ffmpeg -v error -y -f lavfi -i "color=c=white:s=320x240:r=12:d=9" $(color blue) $(color red) $(color green) -i "$work/sound.wav" \
  -filter_complex "[0][1]$(square 0)[a];[a][2]$(square 3)[b];[b][3]$(square 6)[v]" -map "[v]" -map 4:a \
  -c:v libx264 -preset veryslow -crf 30 -pix_fmt yuv420p -c:a aac -b:a 32k -ac 1 -movflags +faststart -fflags +bitexact -flags:v +bitexact -flags:a +bitexact parade.mp4

# A recording, and a picture with three circles.
cp "$work/second-16k.wav" march.wav
circle() { echo "if(lte(hypot(X-$1,Y-$2),$3),$4"; }
ffmpeg -v error -y -f lavfi -i "color=c=white:s=224x224:d=1" -frames:v 1 \
  -vf "format=gbrp,geq=r='$(circle 60 60 35 220),$(circle 160 80 40 30),$(circle 110 170 30 40),255)))':g='$(circle 60 60 35 30),$(circle 160 80 40 90),$(circle 110 170 30 160),255)))':b='$(circle 60 60 35 30),$(circle 160 80 40 220),$(circle 110 170 30 60),255)))'" \
  -fflags +bitexact circles.png
