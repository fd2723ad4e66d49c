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
        drop(consensus::meta(&message, resend));
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
