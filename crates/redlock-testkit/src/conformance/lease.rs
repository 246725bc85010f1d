//! Prolonging keys and putting them back.

use redlock_core::{Extend, Key, KeyState, Keys, LockCommand, LockReply, LockValue, Ownership, RePlant};

use super::bench::{Bench, LEASE, SHORT, Stop, both, checks, same, ttl};
use super::harness::Plant;

checks!("lease":
    an_extension_of_own_keys_prolongs_them,
    an_extension_never_shortens,
    an_extension_of_absent_keys_creates_nothing,
    an_extension_of_an_expired_key_does_not_revive_it,
    an_extension_of_anothers_key_changes_nothing,
    an_extension_is_of_all_keys_or_none,
    an_extension_leaves_a_key_without_expiry_as_it_is,
    an_extension_of_a_foreign_key_is_anothers,
    a_re_plant_fills_what_is_absent_and_leaves_the_rest,
    a_re_plant_beside_anothers_key_changes_nothing,
    a_re_plant_beside_a_foreign_key_changes_nothing,
);

async fn an_extension_of_own_keys_prolongs_them(bench: &Bench<'_>) -> Result<(), Stop> {
    let (pair, value) = taken(bench).await?;
    same("one key", &extend(bench, Keys::of(pair.0.clone()), &value, 2).await?, &Ownership::Mine)?;
    bench.expect_held("one key", (&pair.0, &value), LEASE * 2).await?;
    same("two keys", &extend(bench, both(&pair), &value, 3).await?, &Ownership::Mine)?;
    bench.expect_held("the first of two", (&pair.0, &value), LEASE * 3).await?;
    bench.expect_held("the second of two", (&pair.1, &value), LEASE * 3).await
}

/// hazard: 10
async fn an_extension_never_shortens(bench: &Bench<'_>) -> Result<(), Stop> {
    let (pair, value) = taken(bench).await?;
    same("two keys", &extend(bench, both(&pair), &value, 3).await?, &Ownership::Mine)?;
    same("one key", &extend(bench, Keys::of(pair.0.clone()), &value, 1).await?, &Ownership::Mine)?;
    same("two keys", &extend(bench, both(&pair), &value, 1).await?, &Ownership::Mine)?;
    bench.expect_held("the first key", (&pair.0, &value), LEASE * 3).await?;
    bench.expect_held("the second key", (&pair.1, &value), LEASE * 3).await
}

/// hazard: 11
async fn an_extension_of_absent_keys_creates_nothing(bench: &Bench<'_>) -> Result<(), Stop> {
    let (pair, value) = (bench.pair(), bench.value());
    same("one key", &extend(bench, Keys::of(pair.0.clone()), &value, 1).await?, &Ownership::Absent)?;
    same("two keys", &extend(bench, both(&pair), &value, 1).await?, &Ownership::Absent)?;
    bench.expect_free("the first key", &pair.0).await?;
    bench.expect_free("the second key", &pair.1).await
}

/// hazard: 11
async fn an_extension_of_an_expired_key_does_not_revive_it(bench: &Bench<'_>) -> Result<(), Stop> {
    let (key, value) = (bench.key(), bench.value());
    bench.take(&key, &value, SHORT).await?;
    bench.outlive_short().await;
    same("an expired key", &extend(bench, Keys::of(key.clone()), &value, 1).await?, &Ownership::Absent)?;
    bench.expect_free("the expired key", &key).await
}

/// hazard: 4
async fn an_extension_of_anothers_key_changes_nothing(bench: &Bench<'_>) -> Result<(), Stop> {
    let ((key, _), holder) = taken(bench).await?;
    let extended = extend(bench, Keys::of(key.clone()), &bench.value(), 2).await?;
    same("another's key", &extended, &Ownership::Other)?;
    bench.expect_held("another's key", (&key, &holder), LEASE).await
}

/// hazard: 39
async fn an_extension_is_of_all_keys_or_none(bench: &Bench<'_>) -> Result<(), Stop> {
    let ((mine, _), value) = taken(bench).await?;
    let (absent, others) = bench.pair();
    let holder = bench.value();
    bench.take(&others, &holder, LEASE).await?;
    let one_absent = Keys::of(mine.clone()).and(absent.clone());
    same("mine and absent", &extend(bench, one_absent.clone(), &value, 2).await?, &Ownership::Absent)?;
    let all = one_absent.and(others.clone());
    same("mine, absent and another's", &extend(bench, all, &value, 2).await?, &Ownership::Other)?;
    bench.expect_held("mine", (&mine, &value), LEASE).await?;
    bench.expect_held("another's", (&others, &holder), LEASE).await?;
    bench.expect_free("the absent key", &absent).await
}

async fn an_extension_leaves_a_key_without_expiry_as_it_is(bench: &Bench<'_>) -> Result<(), Stop> {
    let (key, value) = (bench.key(), bench.value());
    bench.plant(&key, Plant::Forever(value.clone())).await?;
    let extended = extend(bench, Keys::of(key.clone()), &value, 1).await?;
    same("a key without expiry", &extended, &Ownership::Mine)?;
    same("its state", &bench.state(&key).await?, &KeyState::Held { value, remaining: None })
}

/// hazard: 57
async fn an_extension_of_a_foreign_key_is_anothers(bench: &Bench<'_>) -> Result<(), Stop> {
    let key = bench.key();
    bench.plant(&key, Plant::Foreign).await?;
    let extended = extend(bench, Keys::of(bench.key()).and(key), &bench.value(), 1).await?;
    same("a foreign key", &extended, &Ownership::Other)
}

async fn a_re_plant_fills_what_is_absent_and_leaves_the_rest(bench: &Bench<'_>) -> Result<(), Stop> {
    let ((mine, other_mine), value) = taken(bench).await?;
    let (absent, alone) = bench.pair();
    same("an absent key", &re_plant(bench, Keys::of(alone.clone()), &value).await?, &true)?;
    bench.expect_held("the absent key", (&alone, &value), LEASE / 2).await?;
    let keys = Keys::of(mine.clone()).and(absent.clone());
    same("an own key and an absent one", &re_plant(bench, keys, &value).await?, &true)?;
    bench.expect_held("the own key", (&mine, &value), LEASE).await?;
    bench.expect_held("the absent key", (&absent, &value), LEASE / 2).await?;
    let own = Keys::of(mine).and(other_mine);
    same("own keys only", &re_plant(bench, own, &value).await?, &true)
}

async fn a_re_plant_beside_anothers_key_changes_nothing(bench: &Bench<'_>) -> Result<(), Stop> {
    let ((others, _), holder) = taken(bench).await?;
    let (absent, value) = (bench.key(), bench.value());
    same("another's key", &re_plant(bench, Keys::of(others.clone()), &value).await?, &false)?;
    let keys = Keys::of(absent.clone()).and(others.clone());
    same("an absent key and another's", &re_plant(bench, keys, &value).await?, &false)?;
    bench.expect_held("another's key", (&others, &holder), LEASE).await?;
    bench.expect_free("the absent key", &absent).await
}

/// hazard: 57
async fn a_re_plant_beside_a_foreign_key_changes_nothing(bench: &Bench<'_>) -> Result<(), Stop> {
    let (absent, foreign) = bench.pair();
    bench.plant(&foreign, Plant::Foreign).await?;
    let keys = Keys::of(absent.clone()).and(foreign);
    same("a foreign key", &re_plant(bench, keys, &bench.value()).await?, &false)?;
    bench.expect_free("the absent key", &absent).await
}

/// Two keys with one value, for [`LEASE`].
async fn taken(bench: &Bench<'_>) -> Result<((Key, Key), LockValue), Stop> {
    let (pair, value) = (bench.pair(), bench.value());
    bench.take(&pair.0, &value, LEASE).await?;
    bench.take(&pair.1, &value, LEASE).await?;
    Ok((pair, value))
}

async fn extend(bench: &Bench<'_>, keys: Keys, value: &LockValue, leases: u32) -> Result<Ownership, Stop> {
    let extend = Extend::new(keys, value.clone(), ttl(LEASE * leases)?);
    match bench.lock(LockCommand::Extend(extend)).await? {
        LockReply::Extended(ownership) => Ok(ownership),
        other => Err(Stop::Fail(format!("an extension gave {other:?}"))),
    }
}

async fn re_plant(bench: &Bench<'_>, keys: Keys, value: &LockValue) -> Result<bool, Stop> {
    let re_plant = RePlant::new(keys, value.clone(), ttl(LEASE / 2)?);
    match bench.lock(LockCommand::RePlant(re_plant)).await? {
        LockReply::RePlanted(planted) => Ok(planted),
        other => Err(Stop::Fail(format!("a re-plant gave {other:?}"))),
    }
}
