'use strict';
// What is heard of the other side: silence, and the keys of a telephone.

// After how long without a sound, in milliseconds, there is none.
const SILENT = 400;

// Tells what is heard, and silence too when nothing comes at all.
function orSilence(tell) {
    let last = Date.now();
    setInterval(() => {
        if (Date.now() - last > SILENT) {
            tell({ hertz: null, dbov: -127 });
        }
    }, SILENT / 2);
    return heard => {
        last = Date.now();
        tell(heard);
    };
}

// Each key has two tones (ITU-T Q.23).
const ROWS = [697, 770, 852, 941];
const COLUMNS = [1209, 1336, 1477, 1633];
const KEYS = ['123A', '456B', '789C', '*0#D'];

// What is looked at a time, in seconds: the tones of a group are half that far apart.
const BLOCK = 0.02;
// Blocks in a row that have to be of one key, of the five that a short one lasts.
const BLOCKS = 2;
// The share of the power that each of the two tones has to have, of which they are all; and the least power.
const SHARE = 0.2;
const FLOOR = 1e-5;

function hearKeys(tell) {
    let [block, last, blocks] = [[], null, 0];

    function pressed(key) {
        blocks = key === last ? blocks + 1 : 1;
        last = key;
        if (key && blocks === BLOCKS) {
            tell(key);
        }
    }

    // Of a stream of samples, between -1 and 1, the next.
    return (samples, rate) => {
        for (const sample of samples) {
            block.push(sample);
            if (block.length >= BLOCK * rate) {
                pressed(keyOf(block, rate));
                block = [];
            }
        }
    };
}

function keyOf(block, rate) {
    const mean = block.reduce((sum, sample) => sum + sample * sample, 0) / block.length;
    if (mean < FLOOR) {
        return null;
    }
    const shares = hertz => {
        const step = (2 * Math.PI * hertz) / rate;
        let [real, imaginary] = [0, 0];
        block.forEach((sample, at) => {
            real += sample * Math.cos(step * at);
            imaginary += sample * Math.sin(step * at);
        });
        return (2 * (real * real + imaginary * imaginary)) / block.length ** 2 / mean;
    };
    const strongest = tones => {
        const heard = tones.map(shares);
        const most = Math.max(...heard);
        return most < SHARE ? null : heard.indexOf(most);
    };
    const [row, column] = [strongest(ROWS), strongest(COLUMNS)];
    return row === null || column === null ? null : KEYS[row][column];
}

if (typeof module !== 'undefined') {
    module.exports = { hearKeys, orSilence };
}
