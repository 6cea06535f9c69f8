//! Two calls that talk.

use std::time::Duration;

use offhook_media::Event;

use crate::listen::{level, purity};
use crate::pair::{Pair, Setting};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_offerer_and_an_answerer_hear_each_other() {
    let mut pair = Pair::new(Setting::default());
    pair.connect();
    assert!(
        pair.elapsed() < Duration::from_millis(600),
        "connected after {:?}",
        pair.elapsed()
    );

    pair.run(5 * SECOND);

    for (side, hertz) in [(&pair.answerer, 440.0), (&pair.offerer, 1_000.0)] {
        let heard = side.heard_last(3 * SECOND);
        assert!(purity(heard, hertz) > 0.98, "{hertz} Hz: {}", purity(heard, hertz));
        assert!((level(heard) + 9.0).abs() < 1.0, "{hertz} Hz at {} dBov", level(heard));
        let statistics = side.call.statistics();
        assert_eq!(statistics.packets_lost, 0);
        assert_eq!(statistics.frames_concealed, 0);
        assert!((statistics.level_received_dbov + 9.0).abs() < 1.0, "{statistics:?}");
        assert!((statistics.level_sent_dbov + 9.0).abs() < 1.0, "{statistics:?}");
        assert!(statistics.packets_sent > 240, "{statistics:?}");
        assert!(statistics.packets_received > 240, "{statistics:?}");
        assert_eq!(statistics.round_trip, Some(Duration::from_millis(40)));
        assert_eq!(side.names(), ["connected"]);
        assert!(side.events.iter().any(|(_, event)| *event == Event::EndOfCandidates));
    }
}
