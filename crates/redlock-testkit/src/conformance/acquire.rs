//! Taking keys.

use redlock_core::{Acquire, Blocker, Key, KeyState, Keys, LockReply, LockValue, Refusal};

use super::bench::{Bench, LEASE, SHORT, Stop, both, checks, ensure, granted, held, same, ttl};
use super::harness::Plant;

checks!("acquire":
    a_free_key_is_granted,
    a_held_key_is_refused_and_the_refusal_is_an_answer,
    a_refusal_over_several_keys_names_the_first_blocker,
    an_own_value_is_granted_again,
    a_replaced_value_is_overwritten,
    a_value_that_is_not_replaced_blocks,
    several_keys_are_taken_together,
    several_keys_are_taken_all_or_none,
    a_lease_lasts_as_long_as_it_was_asked_for,
    an_expired_key_is_free,
    a_key_without_expiry_blocks,
    a_foreign_key_blocks_and_is_no_error,
);

async fn a_free_key_is_granted(bench: &Bench<'_>) -> Result<(), Stop> {
    let (key, value) = (bench.key(), bench.value());
    bench.take(&key, &value, LEASE).await?;
    bench.expect_held("the key", (&key, &value), LEASE).await
}

async fn a_held_key_is_refused_and_the_refusal_is_an_answer(bench: &Bench<'_>) -> Result<(), Stop> {
    let (key, holder) = (bench.key(), bench.value());
    bench.take(&key, &holder, LEASE).await?;
    let reply = bench.acquire(plain(bench, &key)?).await?;
    same("a held key", &reply, &LockReply::Refused(Refusal::new()))?;
    bench.expect_held("the key after the refusal", (&key, &holder), LEASE).await
}

async fn a_refusal_over_several_keys_names_the_first_blocker(bench: &Bench<'_>) -> Result<(), Stop> {
    let ((free, second), third, holder) = (bench.pair(), bench.key(), bench.value());
    bench.take(&third, &bench.value(), LEASE).await?;
    bench.take(&second, &holder, LEASE).await?;
    let keys = Keys::of(free).and(second.clone()).and(third);
    let reply = bench.acquire(Acquire::new(keys, bench.value(), ttl(LEASE)?)).await?;
    blocked_by("several keys", &reply, &second, &holder)?;
    let replacing = plain(bench, &second)?.replacing(vec![bench.value()]);
    blocked_by("one key that replaces", &bench.acquire(replacing).await?, &second, &holder)
}

/// A resend is the same command executed before. For one key that replaces nothing, `SET NX` is the whole step and
/// cannot tell its own ghost from another's key: there a refusal that names nobody will do.
async fn an_own_value_is_granted_again(bench: &Bench<'_>) -> Result<(), Stop> {
    let (pair, value) = (bench.pair(), bench.value());
    let two = Acquire::new(both(&pair), value.clone(), ttl(LEASE)?);
    let one = Acquire::new(Keys::of(pair.0.clone()), value.clone(), ttl(LEASE)?);
    granted("two free keys", &bench.acquire(two.clone()).await?)?;
    granted("two keys sent again", &bench.acquire(two).await?)?;
    let replacing = one.clone().replacing(vec![bench.value()]);
    granted("a key that replaces, sent again", &bench.acquire(replacing).await?)?;
    let again = bench.acquire(one).await?;
    let fits = matches!(again, LockReply::Granted(_)) || again == LockReply::Refused(Refusal::new());
    ensure(fits, || format!("one key sent again: {again:?}"))?;
    bench.expect_held("the key", (&pair.0, &value), LEASE).await
}

async fn a_replaced_value_is_overwritten(bench: &Bench<'_>) -> Result<(), Stop> {
    let (pair, older, value) = (bench.pair(), bench.value(), bench.value());
    bench.take(&pair.0, &older, LEASE / 2).await?;
    let one = Acquire::new(Keys::of(pair.0.clone()), value.clone(), ttl(LEASE)?);
    granted("one replaced key", &bench.acquire(one.replacing(vec![bench.value(), older])).await?)?;
    bench.expect_held("one replaced key", (&pair.0, &value), LEASE).await?;
    let newer = bench.value();
    let two = Acquire::new(both(&pair), newer.clone(), ttl(LEASE * 2)?).replacing(vec![value]);
    granted("a replaced key and a free one", &bench.acquire(two).await?)?;
    bench.expect_held("the replaced key", (&pair.0, &newer), LEASE * 2).await?;
    bench.expect_held("the free key", (&pair.1, &newer), LEASE * 2).await
}

async fn a_value_that_is_not_replaced_blocks(bench: &Bench<'_>) -> Result<(), Stop> {
    let (key, holder) = (bench.key(), bench.value());
    bench.take(&key, &holder, LEASE).await?;
    let reply = bench.acquire(plain(bench, &key)?.replacing(vec![bench.value(), bench.value()])).await?;
    blocked_by("a value not replaced", &reply, &key, &holder)?;
    bench.expect_held("the key after the refusal", (&key, &holder), LEASE).await
}

async fn several_keys_are_taken_together(bench: &Bench<'_>) -> Result<(), Stop> {
    let value = bench.value();
    let keys = (1..16).fold(Keys::of(bench.key()), |keys, _| keys.and(bench.key()));
    granted(
        "sixteen free keys",
        &bench.acquire(Acquire::new(keys.clone(), value.clone(), ttl(LEASE)?)).await?,
    )?;
    for state in bench.states(&keys).await? {
        held("each key", &state, &value, LEASE)?;
    }
    Ok(())
}

/// hazard: 39
async fn several_keys_are_taken_all_or_none(bench: &Bench<'_>) -> Result<(), Stop> {
    let ((first, last), middle, holder) = (bench.pair(), bench.key(), bench.value());
    bench.take(&middle, &holder, LEASE).await?;
    let keys = Keys::of(first.clone()).and(middle.clone()).and(last.clone());
    let reply = bench.acquire(Acquire::new(keys, bench.value(), ttl(LEASE)?)).await?;
    ensure(matches!(reply, LockReply::Refused(_)), || format!("a held key among three: {reply:?}"))?;
    bench.expect_free("the key before the held one", &first).await?;
    bench.expect_free("the key after the held one", &last).await?;
    bench.expect_held("the held key", (&middle, &holder), LEASE).await
}

async fn a_lease_lasts_as_long_as_it_was_asked_for(bench: &Bench<'_>) -> Result<(), Stop> {
    let (key, value) = (bench.key(), bench.value());
    bench.take(&key, &value, SHORT * 10).await?;
    bench.outlive_short().await;
    bench.expect_held("a lease before its end", (&key, &value), SHORT * 10).await
}

async fn an_expired_key_is_free(bench: &Bench<'_>) -> Result<(), Stop> {
    let (pair, key) = (bench.pair(), bench.key());
    bench.take(&key, &bench.value(), SHORT).await?;
    granted("two keys", &bench.acquire(Acquire::new(both(&pair), bench.value(), ttl(SHORT)?)).await?)?;
    bench.outlive_short().await;
    bench.expect_free("a key after its lease", &key).await?;
    bench.take(&key, &bench.value(), LEASE).await?;
    granted("expired keys", &bench.acquire(Acquire::new(both(&pair), bench.value(), ttl(LEASE)?)).await?)
}

async fn a_key_without_expiry_blocks(bench: &Bench<'_>) -> Result<(), Stop> {
    let (key, value) = (bench.key(), bench.value());
    bench.plant(&key, Plant::Forever(value.clone())).await?;
    let reply = bench.acquire(plain(bench, &key)?).await?;
    same("a key without expiry", &reply, &LockReply::Refused(Refusal::new()))?;
    same("its state", &bench.state(&key).await?, &KeyState::Held { value, remaining: None })
}

/// hazard: 57
async fn a_foreign_key_blocks_and_is_no_error(bench: &Bench<'_>) -> Result<(), Stop> {
    let key = bench.key();
    bench.plant(&key, Plant::Foreign).await?;
    let reply = bench.acquire(plain(bench, &key)?).await?;
    same("a foreign key", &reply, &LockReply::Refused(Refusal::new()))?;
    let keys = Keys::of(bench.key()).and(key.clone());
    match bench.acquire(Acquire::new(keys, bench.value(), ttl(LEASE)?)).await? {
        LockReply::Refused(Refusal { blocker: Some(blocker), .. })
            if blocker.key == key && matches!(blocker.state, KeyState::Foreign { .. }) =>
        {
            Ok(())
        }
        other => Err(Stop::Fail(format!("a foreign key among two: {other:?}"))),
    }
}

fn plain(bench: &Bench<'_>, key: &Key) -> Result<Acquire, Stop> {
    Ok(Acquire::new(Keys::of(key.clone()), bench.value(), ttl(LEASE)?))
}

fn blocked_by(what: &str, reply: &LockReply, by: &Key, holder: &LockValue) -> Result<(), Stop> {
    match reply {
        LockReply::Refused(Refusal { blocker: Some(Blocker { key, state }), .. }) if key == by => {
            held(what, state, holder, LEASE)
        }
        other => Err(Stop::Fail(format!("{what}: {other:?} does not name {by:?}"))),
    }
}
