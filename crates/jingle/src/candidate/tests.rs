use proptest::prelude::*;

use super::*;

#[test]
fn what_clients_write_is_read_and_written_again() {
    let lines = [
        "candidate:1510613869 1 udp 2122063615 127.0.0.1 34507 typ host generation 0 ufrag D1uO network-id 3 network-cost 50",
        "candidate:2 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active generation 0",
        "candidate:3 2 UDP 1 4f6a4bd0-0b0e.local 9 typ host",
        "candidate:4 1 udp 1685921535 203.0.113.7 61000 typ srflx raddr 192.0.2.1 rport 34507 generation 0",
        "candidate:5 1 udp 41885439 2001:db8::1 49200 typ relay raddr 0.0.0.0 rport 0 x-made up",
    ];
    for line in lines {
        let candidate: Candidate = line.parse().expect(line);
        assert!(candidate.is_writable());
        assert_eq!(candidate.to_string(), line);
        assert_eq!(format!("a={line}\r\n").parse(), Ok(candidate));
    }
}

#[test]
fn what_is_none_says_why() {
    let missing = |what| Err(CandidateError::Missing { what });
    let not_a_number = |what| Err(CandidateError::NotANumber { what });
    let read = |text: &str| text.parse::<Candidate>().map(drop);
    assert_eq!(read(""), Err(CandidateError::OtherAttribute));
    assert_eq!(read("a=end-of-candidates"), Err(CandidateError::OtherAttribute));
    assert_eq!(read("candidate:"), missing("foundation"));
    assert_eq!(read("candidate:1 1 udp 1 192.0.2.1 9"), missing("type"));
    assert_eq!(read("candidate:1 1 udp 1 192.0.2.1 9 host"), missing("type"));
    assert_eq!(
        read("candidate:1 1 udp x 192.0.2.1 9 typ host"),
        not_a_number("priority")
    );
    assert_eq!(
        read("candidate:1 1 udp 1 192.0.2.1 65536 typ host"),
        not_a_number("port")
    );
    assert_eq!(
        read("candidate:1 1 udp 1 a\u{7}b 9 typ host"),
        Err(CandidateError::ControlCharacter)
    );
}

fn word() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9+/.:-]{1,12}"
}

proptest! {
    #[test]
    fn any_candidate_is_read_back(
        (foundation, component, priority) in (word(), any::<u16>(), any::<u32>()),
        (address, port, kind) in (word(), any::<u16>(), word()),
        related in proptest::option::of((word(), proptest::option::of(any::<u16>()))),
        (generation, network_id) in (proptest::option::of(any::<u32>()), proptest::option::of(any::<u32>())),
        ufrag in proptest::option::of(word()),
        extensions in proptest::collection::vec(("x-[a-z]{1,5}", word()), 0..3),
    ) {
        let candidate = Candidate {
            foundation,
            component,
            protocol: "udp".to_owned(),
            priority,
            address,
            port,
            kind,
            related,
            tcp_type: None,
            generation,
            ufrag,
            network_id,
            network_cost: None,
            id: None,
            extensions,
        };
        prop_assert!(candidate.is_writable());
        prop_assert_eq!(candidate.to_string().parse(), Ok(candidate));
    }

    #[test]
    fn any_text_is_one_or_says_why(text in "\\PC{0,80}") {
        if let Ok(candidate) = format!("candidate:{text}").parse::<Candidate>() {
            prop_assert_eq!(candidate.to_string().parse(), Ok(candidate));
        }
    }
}
