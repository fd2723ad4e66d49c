//! Costs of the operations that blocks and admission pay per transaction, vote and row.
//!
//! Run with `cargo bench -p kwil-crypto`.

use divan::{Bencher, black_box, counter::BytesCount};
use kwil_crypto::auth::{self, Signer};
use kwil_crypto::{Hasher, KeyType, PrivateKey, PublicKey, context, hash, keccak256, sha256};

fn main() {
    divan::main();
}

const KEY_TYPES: [KeyType; 2] = KeyType::ALL;

fn key(key_type: KeyType) -> PrivateKey {
    let Ok(key) = PrivateKey::generate(key_type, |buffer| {
        buffer.fill(7);
        Ok::<(), std::convert::Infallible>(())
    });
    key
}

#[divan::bench(args = KEY_TYPES)]
fn network_sign(bencher: Bencher<'_, '_>, key_type: KeyType) {
    let key = key(key_type);
    bencher.bench(|| key.sign_network(context::VOTE, black_box(&[1; 114])));
}

#[divan::bench(args = KEY_TYPES)]
fn network_verify(bencher: Bencher<'_, '_>, key_type: KeyType) {
    let key = key(key_type);
    let (public, signature) = (key.public_key(), key.sign_network(context::VOTE, &[1; 114]));
    bencher.bench(|| public.verify_network(context::VOTE, black_box(&[1; 114]), &signature));
}

#[divan::bench(args = ["secp256k1_ep", "secp256k1", "ed25519"])]
fn client_verify(bencher: Bencher<'_, '_>, auth_type: &str) {
    let signer = match auth_type {
        "secp256k1_ep" => Signer::user(key(KeyType::Secp256k1)),
        "secp256k1" => Signer::node(key(KeyType::Secp256k1)),
        _ => Signer::user(key(KeyType::Ed25519)),
    };
    let signature = signer.sign(&[1; 200]);
    bencher.bench(|| auth::verify(auth_type, signer.sender(), black_box(&[1; 200]), &signature));
}

#[divan::bench]
fn client_sign_wallet(bencher: Bencher<'_, '_>) {
    let signer = Signer::user(key(KeyType::Secp256k1));
    bencher.bench(|| signer.sign(black_box(&[1; 200])));
}

#[divan::bench(args = KEY_TYPES)]
fn parse_public_key(bencher: Bencher<'_, '_>, key_type: KeyType) {
    let public = key(key_type).public_key();
    bencher.bench(|| PublicKey::from_bytes(key_type, black_box(public.as_bytes())));
}

#[divan::bench(args = [32, 264, 4096, 1 << 20])]
fn blake3_with_context(bencher: Bencher<'_, '_>, length: usize) {
    let message = vec![1; length];
    bencher.counter(BytesCount::new(length)).bench(|| hash(context::HEADER, black_box(&message)));
}

/// One row of a table: 100 bytes in, the width of a lattice out.
#[divan::bench]
fn blake3_row_to_lattice(bencher: Bencher<'_, '_>) {
    let mut hasher = Hasher::new(context::ROW);
    let mut lattice = [0; 2048];
    bencher.bench_local(|| {
        hasher.reset().update(black_box(&[1; 100])).finalize_xof(&mut lattice);
        lattice[0]
    });
}

#[divan::bench(args = [200, 4096])]
fn sha256_transaction(bencher: Bencher<'_, '_>, length: usize) {
    let message = vec![1; length];
    bencher.counter(BytesCount::new(length)).bench(|| sha256(black_box(&message)));
}

#[divan::bench(args = [200, 4096])]
fn keccak256_message(bencher: Bencher<'_, '_>, length: usize) {
    let message = vec![1; length];
    bencher.counter(BytesCount::new(length)).bench(|| keccak256(black_box(&message)));
}
