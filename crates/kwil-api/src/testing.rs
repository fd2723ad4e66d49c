//! Fuzz entry points: each takes any bytes, and fails only when a form of a request breaks its promises.

#![expect(clippy::expect_used, reason = "a broken promise must stop the fuzzer")]

use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::method::{Call, METHODS, Visit, with_method};
use crate::wire::Wire;

struct Json<'a>(&'a [u8]);

impl Visit for Json<'_> {
    fn visit<C: Call>(&self) {
        json_is_stable::<C::Request>(self.0);
        json_is_stable::<C::Response>(self.0);
    }
}

fn json_is_stable<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(text: &[u8]) {
    let Ok(value) = serde_json::from_slice::<T>(text) else { return };
    let written = serde_json::to_vec(&value).expect("what was read can be written");
    let again = serde_json::from_slice::<T>(&written).expect("what was written can be read");
    assert_eq!(again, value, "the same after writing and reading");
}

struct Proto<'a>(&'a [u8]);

impl Visit for Proto<'_> {
    fn visit<C: Call>(&self) {
        wire_is_stable::<C::Request, C::ProtoRequest>(self.0);
        wire_is_stable::<C::Response, C::ProtoResponse>(self.0);
    }
}

fn wire_is_stable<T: Wire<P> + PartialEq + std::fmt::Debug, P: Message + Default>(bytes: &[u8]) {
    let Ok(message) = P::decode(bytes) else { return };
    let Ok(value) = T::from_wire(message) else { return };
    let written = value.into_wire().encode_to_vec();
    let read = || {
        let message = P::decode(written.as_slice()).expect("what was written can be read");
        T::from_wire(message).expect("what was written is a value")
    };
    let (first, second) = (read(), read());
    // Not a number differs from itself.
    let text = format!("{first:?}");
    assert!(first == second || text.contains("NaN"), "the same after reading twice: {text}");
    assert_eq!(
        first.into_wire().encoded_len(),
        written.len(),
        "the same length after writing again"
    );
}

/// The first byte chooses a method; the rest is its parameters or its result as JSON.
pub fn fuzz_method_json(data: &[u8]) {
    if let Some((first, rest)) = data.split_first() {
        with_method(usize::from(*first) % METHODS.len().max(1), &Json(rest));
    }
}

/// The first byte chooses a method; the rest is its request or its answer in protobuf.
pub fn fuzz_method_proto(data: &[u8]) {
    if let Some((first, rest)) = data.split_first() {
        with_method(usize::from(*first) % METHODS.len().max(1), &Proto(rest));
    }
}

#[cfg(test)]
mod tests {
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
            usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
        }
    }

    /// Protobuf of the right kind more often than not: a few fields with small numbers and short contents.
    fn proto_like(random: &mut Random) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..random.below(6) {
            let field = u8::try_from(random.below(15) + 1).unwrap();
            if random.below(2) == 0 {
                bytes.push(field << 3);
                bytes.push(u8::try_from(random.below(128)).unwrap());
            } else {
                let length = [0, 2, 16, 20, 32, 33][random.below(6)];
                bytes.extend([field << 3 | 2, u8::try_from(length).unwrap()]);
                bytes.extend((0..length).map(|_| u8::try_from(random.next() & 0x7f).unwrap()));
            }
        }
        bytes
    }

    #[test]
    fn any_protobuf_is_read_and_written_alike() {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for _ in 0..20_000 {
            let method = u8::try_from(random.below(METHODS.len())).unwrap();
            let mut data = vec![method];
            data.extend(proto_like(&mut random));
            fuzz_method_proto(&data);
        }
    }

    #[test]
    fn any_json_is_read_and_written_alike() {
        let words = [
            "\"height\":0",
            "\"height\":-1",
            "\"hash\":null",
            "\"hash\":\"\"",
            "\"id\":null",
            "\"status\":1",
            "\"id\":{\"identifier\":\"0xAB\",\"key_type\":\"ed25519\"}",
            "\"sync\":1",
            "\"tx\":null",
            "\"tx\":{\"body\":{\"fee\":null,\"nonce\":3},\"sender\":\"ab\"}",
            "\"wait\":true",
            "\"timeout\":\"1m\"",
            "\"pubkey\":\"AAEC\"",
            "\"pubkey_type\":\"secp256k1\"",
            "\"peerid\":\"x\"",
            "\"duration\":\"-3s\"",
            "\"limit\":9223372036854775807",
            "\"raw\":null",
            "\"message\":7",
            "\"txs\":[]",
            "\"removed\":true",
            "\"peers\":null",
            "\"price\":\"12\"",
            "\"balance\":\"5\"",
            "\"nonce\":1",
            "\"count\":1",
            "\"query\":\"SELECT $a\"",
            "\"params\":{\"$a\":{\"type\":{\"name\":\"int8\",\"metadata\":[2,0]},\"data\":[\"AQAAAAAAAAAq\",null]}}",
            "\"column_names\":[\"a\"]",
            "\"column_types\":[{\"name\":\"numeric\",\"metadata\":[6,2]}]",
            "\"values\":[[\"1.5\"],[null]]",
            "\"body\":{\"payload\":\"AAA=\",\"statement\":\"SELECT 1\",\"Parameters\":null}",
            "\"query_result\":{},\"error\":null",
        ];
        let mut random = Random(7);
        for _ in 0..20_000 {
            let chosen: Vec<&str> =
                (0..random.below(5)).map(|_| words[random.below(words.len())]).collect();
            let mut data = vec![u8::try_from(random.below(METHODS.len())).unwrap()];
            data.extend(format!("{{{}}}", chosen.join(",")).into_bytes());
            fuzz_method_json(&data);
        }
    }

    #[test]
    fn noise_is_refused() {
        let mut random = Random(11);
        for length in 0..2_000 {
            let noise: Vec<u8> =
                (0..length % 64).map(|_| u8::try_from(random.next() & 0xff).unwrap()).collect();
            fuzz_method_json(&noise);
            fuzz_method_proto(&noise);
        }
    }
}
