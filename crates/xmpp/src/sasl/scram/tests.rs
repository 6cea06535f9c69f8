//! The exchanges of the documents, and servers that cheat.

use super::*;

const ANY: RangeInclusive<u32> = 4096..=10_000;

/// RFC 5802 section 5.
const SHA1: [&str; 5] = [
    "fyko+d2lbbFgONRv9qkxdawL",
    "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
    "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
    "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
];

/// RFC 7677 section 3.
const SHA256: [&str; 5] = [
    "rOprNGfwEbeRWgbNEkqO",
    "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
];

fn start(hash: Hash, nonce: &str) -> Scram {
    Scram::new(hash, "user", nonce.to_owned())
}

fn challenge(scram: &mut Scram, message: &str) -> Result<Option<String>, CloseReason> {
    scram.challenged(message, &"pencil".into(), &ANY)
}

fn broken(result: Result<impl fmt::Debug, CloseReason>) -> ScramError {
    match result.unwrap_err() {
        CloseReason::ScramBroken(error) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_exchanges_of_the_documents_are_made_to_the_byte() {
    for (hash, [nonce, first, server_first, last, server_final]) in [(Hash::Sha1, SHA1), (Hash::Sha256, SHA256)] {
        for in_success in [true, false] {
            let mut scram = start(hash, nonce);
            assert_eq!(scram.first(), first);
            assert_eq!(challenge(&mut scram, server_first).unwrap().unwrap(), last);
            if in_success {
                scram.succeeded(Some(server_final)).unwrap();
            } else {
                assert_eq!(challenge(&mut scram, server_final).unwrap(), None);
                scram.succeeded(None).unwrap();
            }
        }
    }
}

#[test]
fn user_names_are_prepared_and_escaped() {
    let scram = Scram::new(Hash::Sha1, "a=b,c\u{a0}\u{ad}\u{aa}", "n".to_owned());
    assert_eq!(scram.first(), "n,,n=a=3Db=2Cc a,r=n");
}

#[test]
fn passwords_are_prepared() {
    let [nonce, _, server_first, last, _] = SHA256;
    let answer = start(Hash::Sha256, nonce).challenged(server_first, &"pen\u{ad}cil".into(), &ANY);
    assert_eq!(answer.unwrap().unwrap(), last);
}

#[test]
fn a_nonce_that_does_not_continue_ours_is_refused() {
    for nonce in ["", "fyko", "other", "XfykoY"] {
        let result = challenge(
            &mut start(Hash::Sha1, "fyko"),
            &format!("r={nonce},s=QSXCR+Q6sek8bf92,i=4096"),
        );
        assert_eq!(broken(result), ScramError::Nonce, "{nonce}");
    }
}

#[test]
fn iteration_counts_out_of_bounds_are_refused_before_any_work() {
    for asked in [0, 1, 4095, 10_001, u32::MAX] {
        let result = challenge(
            &mut start(Hash::Sha1, "a"),
            &format!("r=ab,s=QSXCR+Q6sek8bf92,i={asked}"),
        );
        let (least, most) = (4096, 10_000);
        assert_eq!(broken(result), ScramError::Iterations { asked, least, most });
    }
}

#[test]
fn messages_that_cannot_be_read_are_refused() {
    for message in [
        "",
        "r=ab",
        "r=ab,s=%,i=4096",
        "r=ab,s=QQ==,i=many",
        "r=ab,i=4096,s=QQ==",
        "m=x,r=ab,s=QQ==,i=4096",
    ] {
        let result = challenge(&mut start(Hash::Sha1, "a"), message);
        assert_eq!(broken(result), ScramError::Malformed, "{message}");
    }
}

#[test]
fn a_server_that_does_not_know_the_account_is_found_out() {
    let [nonce, _, server_first, _, server_final] = SHA256;
    let other = server_final.replace("v=6", "v=7");
    for message in [None, Some(other.as_str())] {
        let mut scram = start(Hash::Sha256, nonce);
        challenge(&mut scram, server_first).unwrap();
        assert_eq!(
            broken(scram.succeeded(message)),
            ScramError::ServerSignature,
            "{message:?}"
        );
    }
    // Success in the place of the first challenge.
    let mut scram = start(Hash::Sha256, nonce);
    assert_eq!(broken(scram.succeeded(Some(server_final))), ScramError::ServerSignature);
}

#[test]
fn an_error_in_the_last_message_is_a_refusal() {
    let [nonce, _, server_first, ..] = SHA1;
    let mut scram = start(Hash::Sha1, nonce);
    challenge(&mut scram, server_first).unwrap();
    let reason = scram.succeeded(Some("e=invalid-proof")).unwrap_err();
    assert!(reason.credentials_refused(), "{reason:?}");
}
