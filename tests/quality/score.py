"""Scores what was heard: score.py CLIPS HEARD prints a line of JSON for each row, with the means over its files.

CLIPS holds CLIP.pcm, HEARD holds ROW.SEED.CLIP.pcm, all of 48 kHz mono with 16 bits. PESQ is ITU-T P.862.2 (wide band); PLCMOS judges what was
heard alone, without what was said. `--fast` leaves PLCMOS out.
"""

import collections
import json
import multiprocessing
import pathlib
import sys

import numpy as np
import pesq
import scipy.signal

RATE = 16_000


def read(path):
    samples = np.frombuffer(path.read_bytes(), "<i2").astype(np.float64) / 32_768
    return scipy.signal.resample_poly(samples, 1, 3)


def scored(job):
    clip, heard, fast = job
    said, heard = read(clip), read(heard)
    score = pesq.pesq(RATE, said, heard, "wb")
    if fast:
        return score, None
    from speechmos import plcmos

    return score, float(plcmos.run(np.clip(heard, -1, 1), RATE)["plcmos"])


def main():
    words = [word for word in sys.argv[1:] if word != "--fast"]
    fast = len(words) < len(sys.argv) - 1
    clips, heard = (pathlib.Path(word) for word in words)
    files = sorted(heard.glob("*.pcm"))
    jobs = [(clips / f"{path.name.split('.')[2]}.pcm", path, fast) for path in files]
    rows = collections.defaultdict(list)
    with multiprocessing.Pool(2) as pool:
        for path, scores in zip(files, pool.imap(scored, jobs, 4)):
            rows[path.name.split(".")[0]].append(scores)
    for row, scores in rows.items():
        line = {"row": row, "files": len(scores), "pesq": float(np.mean([score[0] for score in scores]))}
        if not fast:
            line["plcmos"] = float(np.mean([score[1] for score in scores]))
        print(json.dumps(line))


if __name__ == "__main__":
    main()
