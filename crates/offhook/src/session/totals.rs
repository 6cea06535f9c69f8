//! The figures of a session, whose media may have been replaced.

use offhook_media::Statistics;

/// What was counted before these media, and by them. What is of the moment is theirs alone.
pub(super) fn total(before: &Statistics, now: Statistics) -> Statistics {
    let mut total = now;
    total.packets_sent += before.packets_sent;
    total.bytes_sent += before.bytes_sent;
    total.packets_received += before.packets_received;
    total.bytes_received += before.bytes_received;
    total.packets_lost += before.packets_lost;
    total.packets_late += before.packets_late;
    total.packets_duplicate += before.packets_duplicate;
    total.frames_concealed += before.frames_concealed;
    total.frames_recovered += before.frames_recovered;
    total
}
