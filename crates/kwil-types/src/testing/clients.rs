//! Fuzz entry points of the client formats.

use bytes::Bytes;
use kwil_crypto::sha256;

use crate::{EncodedValue, Payload, PayloadType, RawTx, Transaction, json};

/// Whatever decodes as a transaction has these bytes as its one encoding.
pub fn fuzz_tx(data: &[u8]) {
    let Ok(raw) = RawTx::decode(Bytes::copy_from_slice(data)) else { return };
    assert_eq!(raw.id(), sha256(data));
    let again = RawTx::new(raw.transaction()).expect("a decoded transaction encodes");
    assert_eq!(again.bytes(), data, "a second encoding of one transaction");
    raw.transaction().signed_message().expect("a decoded transaction has a signed message");
}

/// The first byte chooses the payload type, the others are the payload.
pub fn fuzz_payload(data: &[u8]) {
    let Some((choice, payload)) = data.split_first() else { return };
    let Some(payload_type) = PayloadType::ALL.iter().cycle().nth(usize::from(*choice)) else {
        return;
    };
    let Ok(decoded) = Payload::decode(payload_type.name(), &Bytes::copy_from_slice(payload)) else {
        return;
    };
    assert_eq!(decoded.payload_type(), *payload_type);
    let encoded = decoded.encode().expect("a decoded payload encodes");
    if encoded == payload {
        return;
    }
    // Transfers alone have a second form.
    let Payload::Transfer(transfer) = decoded else {
        panic!("a second encoding of one {payload_type}")
    };
    assert_eq!(transfer.encode_js().expect("a decoded transfer encodes"), payload);
}

/// Whatever decodes as a value keeps its bytes and has a meaning that encodes again.
pub fn fuzz_value(data: &[u8]) {
    let Ok(encoded) = EncodedValue::decode(Bytes::copy_from_slice(data)) else { return };
    assert_eq!(encoded.as_bytes(), data);
    let value = encoded.to_value().expect("a decoded value has a meaning");
    let canonical = EncodedValue::from_value(&value).expect("a decoded value encodes");
    assert_eq!(canonical.to_value().expect("an encoded value has a meaning"), value);
    let mirror = json::EncodedValue::try_from(&encoded).expect("a decoded value has parts");
    let back = EncodedValue::try_from(&mirror).expect("the parts of a value are a value");
    assert_eq!(back.to_value().expect("a decoded value has a meaning"), value);
}

/// Whatever JSON becomes a transaction comes back from its JSON as the same bytes.
pub fn fuzz_tx_json(data: &[u8]) {
    let Ok(mirror) = serde_json::from_slice::<json::Transaction>(data) else { return };
    let Ok(raw) = Transaction::try_from(mirror).and_then(|transaction| RawTx::new(&transaction))
    else {
        return;
    };
    let text = serde_json::to_vec(&json::Transaction::from(raw.transaction()))
        .expect("mirror types serialize");
    let mirror: json::Transaction = serde_json::from_slice(&text).expect("what is written is read");
    let again = Transaction::try_from(mirror).and_then(|transaction| RawTx::new(&transaction));
    assert_eq!(again.expect("what is written is a transaction"), raw);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small generator, so that every run sees the same inputs.
    struct Rng(u64);

    impl Rng {
        fn next(&mut self) -> u64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            self.0 >> 33
        }

        fn below(&mut self, bound: usize) -> usize {
            usize::try_from(self.next()).unwrap() % bound.max(1)
        }
    }

    fn vectors(name: &str) -> serde_json::Value {
        let path = format!("{}/../../tests/data/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    /// Every hex text and every JSON transaction of the vectors.
    fn corpus() -> Vec<Vec<u8>> {
        fn collect(json: &serde_json::Value, into: &mut Vec<Vec<u8>>) {
            match json {
                serde_json::Value::String(text) => {
                    into.extend(hex::decode(text).ok().filter(|bytes| !bytes.is_empty()))
                }
                serde_json::Value::Array(items) => {
                    items.iter().for_each(|item| collect(item, into))
                }
                serde_json::Value::Object(fields) => {
                    if fields.contains_key("serialization") {
                        into.push(json.to_string().into_bytes());
                    }
                    fields.values().for_each(|field| collect(field, into));
                }
                _ => {}
            }
        }
        let mut inputs = Vec::new();
        for name in ["values.json", "tx-kwiljs.json", "tx-node.json", "call.json", "invalid.json"] {
            collect(&vectors(name), &mut inputs);
        }
        assert!(inputs.len() > 500);
        inputs
    }

    fn run(data: &[u8]) {
        fuzz_tx(data);
        fuzz_value(data);
        fuzz_tx_json(data);
        for choice in 0..u8::try_from(PayloadType::ALL.len()).unwrap() {
            fuzz_payload(&[&[choice], data].concat());
        }
    }

    #[test]
    fn decoders_keep_their_promises_on_the_corpus_and_its_mutations() {
        let mut rng = Rng(1);
        for mut input in corpus() {
            run(&input);
            for _ in 0..4 {
                let at = rng.below(input.len());
                match rng.below(4) {
                    0 => input[at] ^= 1 << rng.below(8),
                    1 => input[at] = 0xff,
                    2 => input.truncate(at.max(1)),
                    _ => input.insert(at, u8::try_from(rng.below(256)).unwrap()),
                }
                run(&input);
            }
        }
    }

    #[test]
    fn decoders_keep_their_promises_on_random_bytes() {
        let mut rng = Rng(2);
        for _ in 0..4_000 {
            let length = rng.below(96);
            let mut data: Vec<u8> =
                (0..length).map(|_| u8::try_from(rng.below(256)).unwrap()).collect();
            // Most random bytes fail at the version; zeros there let them reach further.
            for byte in data.iter_mut().take(2 + rng.below(3)) {
                *byte = 0;
            }
            run(&data);
        }
    }
}
