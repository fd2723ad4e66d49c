//! Fuzz entry points (feature `testing`).

use bytes::Bytes;
use kwil_proto::p2p::v1 as proto;
use prost::Message as _;

use crate::exchange::{decode_answer, decode_request};
use crate::hello::status_from_proto;
use crate::peers::book_file;
use crate::wire::consensus;
use crate::wire::frame::FrameDecoder;

/// Any bytes as a stream of frames: never panics, never yields a frame above the limit.
pub fn fuzz_frames(data: &[u8]) {
    const LIMIT: usize = 1000;
    let mut decoder = FrameDecoder::new(LIMIT);
    for piece in data.chunks(7) {
        decoder.push(piece);
        while let Ok(Some(frame)) = decoder.next_frame() {
            assert!(frame.len() <= LIMIT, "frame of {} bytes", frame.len());
        }
    }
}

/// Any bytes as a consensus message: never panics; what is accepted has one encoding.
pub fn fuzz_consensus(data: &[u8]) {
    let content = Bytes::copy_from_slice(data);
    if let Ok((message, resend)) = consensus::decode(&content) {
        let again = consensus::encode(&message, resend);
        assert!(again.ends_with(data), "accepted bytes are not the encoding of their message");
        // What the filter asks of a message must not panic either.
        let about = consensus::meta(&message, resend);
        assert_eq!(about.kind, message.kind());
    }
}

/// Any bytes as a control message.
pub fn fuzz_control(data: &[u8]) {
    use proto::control_frame::Message;
    let Ok(frame) = proto::ControlFrame::decode(data) else { return };
    match frame.message {
        Some(Message::Status(status)) => drop(status_from_proto(&status)),
        Some(Message::Hello(hello)) => drop(hello.status.as_ref().and_then(status_from_proto)),
        Some(Message::Goodbye(_)) | None => {}
    }
}

/// Any bytes as a request.
pub fn fuzz_request(data: &[u8]) {
    drop(decode_request(data));
}

/// Any bytes as part of an answer.
pub fn fuzz_answer(data: &[u8]) {
    drop(decode_answer(Bytes::copy_from_slice(data)));
}

/// Any text as an address book.
pub fn fuzz_address_book(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        drop(book_file::from_json(text));
    }
}

#[cfg(test)]
mod tests {
    use crate::exchange::tests_support;
    use crate::wire::consensus::tests::{content, samples};

    use super::*;

    /// A small generator, so that the inputs are the same in every run.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }

        fn below(&mut self, limit: usize) -> usize {
            usize::try_from(self.next() % u64::try_from(limit.max(1)).unwrap()).unwrap()
        }

        fn bytes(&mut self, len: usize) -> Vec<u8> {
            (0..len).map(|_| self.next().to_le_bytes()[2]).collect()
        }
    }

    type Target = fn(&[u8]);

    const TARGETS: [(&str, Target); 6] = [
        ("frames", fuzz_frames),
        ("consensus", fuzz_consensus),
        ("control", fuzz_control),
        ("request", fuzz_request),
        ("answer", fuzz_answer),
        ("address_book", fuzz_address_book),
    ];

    /// Good inputs of a target, from the committed corpus.
    fn corpus(target: &str) -> Vec<Vec<u8>> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/fuzz/");
        let files = std::fs::read_dir(format!("{folder}{target}")).unwrap();
        files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }

    #[test]
    fn random_bytes_never_panic() {
        let mut random = Random(0x5eed);
        for _ in 0..2000 {
            let length = random.below(300);
            let bytes = random.bytes(length);
            for (_, target) in TARGETS {
                target(&bytes);
            }
        }
    }

    #[test]
    fn damaged_good_inputs_never_panic() {
        let mut random = Random(0xbad);
        for (name, target) in TARGETS {
            let good = corpus(name);
            assert!(!good.is_empty(), "{name}");
            for input in &good {
                target(input);
                for _ in 0..200 {
                    let mut bad = input.clone();
                    for _ in 0..=random.below(3) {
                        if bad.is_empty() {
                            break;
                        }
                        let position = random.below(bad.len());
                        bad[position] = random.next().to_le_bytes()[1];
                    }
                    bad.truncate(random.below(bad.len() + 1).max(bad.len() / 2));
                    target(&bad);
                }
            }
        }
    }

    #[test]
    fn corpus_holds_every_message_of_today() {
        let committed = corpus("consensus");
        for message in samples() {
            assert!(
                committed.contains(&content(&message, 1).to_vec()),
                "{:?} is missing",
                message.kind()
            );
        }
        let committed = corpus("request");
        for request in tests_support::requests() {
            assert!(committed.contains(&request), "a request is missing");
        }
    }

    /// Writes the corpus anew after a change of the protocol: `cargo test -p kwil-p2p -- --ignored corpus`.
    #[test]
    #[ignore = "writes files"]
    fn write_corpus() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/fuzz/");
        let write = |target: &str, inputs: Vec<Vec<u8>>| {
            let folder = format!("{folder}{target}");
            std::fs::create_dir_all(&folder).unwrap();
            for (number, input) in inputs.into_iter().enumerate() {
                std::fs::write(format!("{folder}/{number:02}"), input).unwrap();
            }
        };
        let messages: Vec<Vec<u8>> =
            samples().iter().map(|message| content(message, 1).to_vec()).collect();
        let framed = messages.iter().take(3).map(|message| {
            let mut bytes = Vec::new();
            prost::encoding::encode_varint(message.len() as u64, &mut bytes);
            bytes.extend_from_slice(message);
            bytes
        });
        write("frames", framed.collect());
        write("consensus", messages);
        write("request", tests_support::requests());
        write("answer", tests_support::answers());
        write("control", crate::hello::tests_support::controls());
        write("address_book", vec![book_file::tests_support::json().into_bytes()]);
    }
}
