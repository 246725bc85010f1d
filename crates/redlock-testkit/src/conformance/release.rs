//! Deleting keys and looking at them.

use redlock_core::{
    Evict, Inspect, Key, KeyState, Keys, LockCommand, LockReply, LockValue, Release, Released,
};

use super::bench::{Bench, LEASE, SHORT, Stop, both, checks, ensure, held, same};
use super::harness::Plant;

checks!("release":
    a_release_removes_its_own_key_and_again_finds_nothing,
    a_release_compares,
    a_release_of_an_expired_key_finds_nothing,
    a_release_goes_key_by_key,
    a_release_knows_several_values,
    a_release_leaves_a_foreign_key_alone,
    an_eviction_deletes_whatever_stands,
    an_eviction_deletes_a_foreign_key,
    an_inspection_tells_each_state_in_order,
);

async fn a_release_removes_its_own_key_and_again_finds_nothing(bench: &Bench<'_>) -> Result<(), Stop> {
    let (key, value) = (bench.key(), bench.value());
    bench.take(&key, &value, LEASE).await?;
    let release = Release::new(Keys::of(key.clone()), value);
    same("an own key", &released(bench, release.clone()).await?, &found(1, 0))?;
    bench.expect_free("the released key", &key).await?;
    same("a released key", &released(bench, release).await?, &found(0, 0))
}

/// hazard: 5
async fn a_release_compares(bench: &Bench<'_>) -> Result<(), Stop> {
    let (key, holder) = (bench.key(), bench.value());
    bench.take(&key, &holder, LEASE).await?;
    let release = Release::new(Keys::of(key.clone()), bench.value());
    same("another's key", &released(bench, release).await?, &found(0, 1))?;
    bench.expect_held("another's key", (&key, &holder), LEASE).await
}

async fn a_release_of_an_expired_key_finds_nothing(bench: &Bench<'_>) -> Result<(), Stop> {
    let (key, value) = (bench.key(), bench.value());
    bench.take(&key, &value, SHORT).await?;
    bench.outlive_short().await;
    same("an expired key", &released(bench, Release::new(Keys::of(key), value)).await?, &found(0, 0))
}

async fn a_release_goes_key_by_key(bench: &Bench<'_>) -> Result<(), Stop> {
    let (first, others, absent, last) = (bench.key(), bench.key(), bench.key(), bench.key());
    let (value, holder) = (bench.value(), bench.value());
    bench.take(&first, &value, LEASE).await?;
    bench.take(&others, &holder, LEASE).await?;
    bench.take(&last, &value, LEASE).await?;
    let keys = Keys::of(first.clone()).and(others.clone()).and(absent).and(last.clone());
    same("two own keys of four", &released(bench, Release::new(keys, value)).await?, &found(2, 1))?;
    bench.expect_free("the first key", &first).await?;
    bench.expect_free("the last key", &last).await?;
    bench.expect_held("another's key", (&others, &holder), LEASE).await
}

async fn a_release_knows_several_values(bench: &Bench<'_>) -> Result<(), Stop> {
    let (pair, first, second) = (bench.pair(), bench.value(), bench.value());
    bench.take(&pair.0, &first, LEASE).await?;
    bench.take(&pair.1, &second, LEASE).await?;
    let mut release = Release::new(both(&pair), bench.value());
    release.values.extend([second, first]);
    same("keys of two values", &released(bench, release).await?, &found(2, 0))
}

/// hazard: 57
async fn a_release_leaves_a_foreign_key_alone(bench: &Bench<'_>) -> Result<(), Stop> {
    let key = bench.key();
    bench.plant(&key, Plant::Foreign).await?;
    let release = Release::new(Keys::of(key.clone()), bench.value());
    same("a foreign key", &released(bench, release).await?, &found(0, 1))?;
    foreign(&bench.state(&key).await?)
}

async fn an_eviction_deletes_whatever_stands(bench: &Bench<'_>) -> Result<(), Stop> {
    let (pair, absent) = (bench.pair(), bench.key());
    bench.take(&pair.0, &bench.value(), LEASE).await?;
    bench.take(&pair.1, &bench.value(), LEASE).await?;
    same("two keys of three", &evicted(bench, both(&pair).and(absent)).await?, &2)?;
    bench.expect_free("the first key", &pair.0).await?;
    bench.expect_free("the second key", &pair.1).await
}

async fn an_eviction_deletes_a_foreign_key(bench: &Bench<'_>) -> Result<(), Stop> {
    let key = bench.key();
    bench.plant(&key, Plant::Foreign).await?;
    same("a foreign key", &evicted(bench, Keys::of(key.clone())).await?, &1)?;
    bench.expect_free("the foreign key", &key).await
}

async fn an_inspection_tells_each_state_in_order(bench: &Bench<'_>) -> Result<(), Stop> {
    let (first, free, last) = (bench.key(), bench.key(), bench.key());
    let (one, two) = (bench.value(), bench.value());
    bench.take(&first, &one, LEASE).await?;
    bench.take(&last, &two, LEASE * 2).await?;
    let keys = Keys::of(last).and(free).and(first);
    match bench.lock(LockCommand::Inspect(Inspect::new(keys))).await? {
        LockReply::Inspected(states) => in_order(&states, &one, &two),
        other => Err(Stop::Fail(format!("an inspection gave {other:?}"))),
    }?;
    let key: Key = bench.key();
    bench.plant(&key, Plant::Foreign).await?;
    foreign(&bench.state(&key).await?)
}

fn in_order(states: &[KeyState], one: &LockValue, two: &LockValue) -> Result<(), Stop> {
    let [last, free, first] = states else {
        return Err(Stop::Fail(format!("three keys gave {states:?}")));
    };
    held("the key asked for first", last, two, LEASE * 2)?;
    same("the key asked for second", free, &KeyState::Free)?;
    held("the key asked for third", first, one, LEASE)
}

fn foreign(state: &KeyState) -> Result<(), Stop> {
    let fits = matches!(state, KeyState::Foreign { kind, remaining: None } if !kind.is_empty());
    ensure(fits, || format!("a foreign key without expiry: {state:?}"))
}

fn found(removed: u64, taken: u64) -> Released {
    Released::new(removed, taken)
}

async fn released(bench: &Bench<'_>, release: Release) -> Result<Released, Stop> {
    match bench.lock(LockCommand::Release(release)).await? {
        LockReply::Released(released) => Ok(released),
        other => Err(Stop::Fail(format!("a release gave {other:?}"))),
    }
}

async fn evicted(bench: &Bench<'_>, keys: Keys) -> Result<u64, Stop> {
    match bench.lock(LockCommand::Evict(Evict::new(keys))).await? {
        LockReply::Evicted(count) => Ok(count),
        other => Err(Stop::Fail(format!("an eviction gave {other:?}"))),
    }
}
