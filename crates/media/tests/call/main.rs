//! Two calls and a network between them, in virtual time: minutes of call in a moment.

mod codecs;
mod cut;
mod descriptions;
mod digits;
mod listen;
mod loss;
mod monitor;
mod network;
mod pair;
mod ready_made;
mod redundancy;
mod renegotiate;
mod stereo;
mod talk;
