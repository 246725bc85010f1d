//! Keys and values that a careless encoding would harm.

use redlock_core::{
    Acquire, Extend, Key, Keys, LockCommand, LockReply, LockValue, Ownership, Release, Released,
};

use super::bench::{Bench, LEASE, Stop, checks, ensure, granted, same, ttl};

checks!("data":
    any_bytes_survive_as_a_value,
    values_are_compared_to_the_last_byte,
    any_text_survives_as_a_key,
);

async fn any_bytes_survive_as_a_value(bench: &Bench<'_>) -> Result<(), Stop> {
    for length in [0, 1, 2, 31, 32, 33, 127, 128, 255, 256, 1000] {
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().skip(length / 2).take(length).collect();
        round_trip(bench, &bench.key(), &LockValue::from_bytes(bytes)).await?;
    }
    for text in ["0", "-1", "1e3", "nil", "OK", "\r\n", "$-1\r\n", "%s%n"] {
        round_trip(bench, &bench.key(), &LockValue::from_bytes(text.as_bytes())).await?;
    }
    Ok(())
}

async fn values_are_compared_to_the_last_byte(bench: &Bench<'_>) -> Result<(), Stop> {
    let (key, holder) = (bench.key(), LockValue::from_bytes(*b"abc\0def"));
    bench.take(&key, &holder, LEASE).await?;
    for near in [&b""[..], b"abc", b"abc\0de", b"abc\0def\0", b"ABC\0DEF", b"abc\0deg", b" abc\0def"] {
        let near = LockValue::from_bytes(near);
        let keys = Keys::of(key.clone());
        let reply = bench.lock(LockCommand::Release(Release::new(keys.clone(), near.clone()))).await?;
        ensure(matches!(reply, LockReply::Released(Released { removed: 0, taken: 1, .. })), || {
            format!("a release with {:?}: {reply:?}", near.as_bytes())
        })?;
        let reply = bench.lock(LockCommand::Extend(Extend::new(keys, near, ttl(LEASE)?))).await?;
        same("an extension with another value", &reply, &LockReply::Extended(Ownership::Other))?;
    }
    bench.expect_held("the key", (&key, &holder), LEASE).await
}

/// hazard: 70
async fn any_text_survives_as_a_key(bench: &Bench<'_>) -> Result<(), Stop> {
    let long = "k".repeat(4096);
    let ends =
        [" ", "a b", "\r\n", "\0", "*", "?[a]\\", "%s", "{}", "{x}", "ключ-鍵-🔒", "'\"`$(x)", long.as_str()];
    for end in ends {
        round_trip(bench, &bench.named(end), &bench.value()).await?;
    }
    Ok(())
}

/// Takes a key over the native command and, with a second key, over the script; looks, and lets go.
async fn round_trip(bench: &Bench<'_>, key: &Key, value: &LockValue) -> Result<(), Stop> {
    let one = Keys::of(key.clone());
    bench.take(key, value, LEASE).await?;
    bench.expect_held("the key", (key, value), LEASE).await?;
    removes(bench, one.clone(), value, 1).await?;
    let two = one.and(bench.key());
    granted("two keys", &bench.acquire(Acquire::new(two.clone(), value.clone(), ttl(LEASE)?)).await?)?;
    bench.expect_held("the key of two", (key, value), LEASE).await?;
    removes(bench, two, value, 2).await
}

async fn removes(bench: &Bench<'_>, keys: Keys, value: &LockValue, count: u64) -> Result<(), Stop> {
    let what = || format!("key {:?}, value {:?}", keys.as_slice(), value.as_bytes());
    let reply = bench.lock(LockCommand::Release(Release::new(keys.clone(), value.clone()))).await?;
    let removed =
        matches!(reply, LockReply::Released(Released { removed, taken: 0, .. }) if removed == count);
    ensure(removed, || format!("a release of {}: {reply:?}", what()))
}
