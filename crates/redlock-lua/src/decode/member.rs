//! Replies about the deployment: markers and sets of nodes.

use std::time::Duration;

use redlock_core::{AnnouncedSet, BackendError, Durability, Marker, Membership, NodeId, NodeSet, Ttl};

use super::admin::text;
use super::unexpected;
use crate::Value;
use crate::plan::durability_word;

/// `{marker, sets, claims}`.
pub(super) fn membership(reply: Value) -> Result<Membership, BackendError> {
    let Value::Array(parts) = reply else { return Err(unexpected(&reply)) };
    let [stands, in_use, claimed] =
        <[Value; 3]>::try_from(parts).map_err(|parts| unexpected(&Value::Array(parts)))?;
    let Value::Array(claims) = claimed else { return Err(unexpected(&claimed)) };
    Ok(Membership::new(marker(stands)?, sets(in_use)?).claimed(claims.iter().filter_map(text)))
}

/// 1 or 0.
pub(super) fn claimed(reply: &Value) -> Result<bool, BackendError> {
    match reply {
        Value::Int(0) => Ok(false),
        Value::Int(1) => Ok(true),
        other => Err(unexpected(other)),
    }
}

/// `{run, node, max_ttl, durability}`, or nothing. A marker that lacks a part, or has one that cannot be, is none: it says
/// nothing about the run.
pub(super) fn marker(reply: Value) -> Result<Option<Marker>, BackendError> {
    let parts = match reply {
        Value::Nil => return Ok(None),
        Value::Array(parts) => parts,
        other => return Err(unexpected(&other)),
    };
    match parts.as_slice() {
        [run, node, max_ttl, durability] => Ok(whole(run, node, max_ttl, durability)),
        _ => Err(unexpected(&Value::Array(parts))),
    }
}

fn whole(run: &Value, node: &Value, max_ttl: &Value, durability: &Value) -> Option<Marker> {
    let known = [Durability::Always, Durability::Partial, Durability::Nothing];
    let word = text(durability);
    let max_ttl = Ttl::from_duration(Duration::from_millis(text(max_ttl)?.parse().ok()?))?;
    let durability = known.into_iter().find(|one| word.as_deref() == Some(durability_word(Some(*one))));
    Some(Marker::new(text(run)?, NodeId::parse(&text(node)?)?, max_ttl, durability))
}

/// `{set, remaining, set, remaining, …}`; what is no set is left out.
pub(super) fn sets(reply: Value) -> Result<Vec<AnnouncedSet>, BackendError> {
    let Value::Array(parts) = reply else { return Err(unexpected(&reply)) };
    let sets = parts.chunks(2).filter_map(|pair| match pair {
        [set, Value::Int(millis)] => {
            let remaining = Duration::from_millis(u64::try_from(*millis).ok()?);
            Some(AnnouncedSet::new(NodeSet::parse(&text(set)?)?, remaining))
        }
        _ => None,
    });
    Ok(sets.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Value {
        Value::Bytes(text.as_bytes().to_vec())
    }

    #[test]
    fn a_marker_with_all_its_parts_is_one_and_any_other_is_none() {
        let parts = |run: Value, max_ttl: &str| {
            marker(Value::Array(vec![run, bytes("0a"), bytes(max_ttl), bytes("always")])).expect("readable")
        };
        let node_id = NodeId::parse("0a").expect("an id");
        let expected = Marker::new("r", node_id, Ttl::SECOND, Some(Durability::Always));
        assert_eq!(parts(bytes("r"), "1000"), Some(expected));
        assert_eq!(parts(Value::Nil, "1000"), None);
        assert_eq!(parts(bytes("r"), "soon"), None);
    }

    #[test]
    fn what_is_no_set_is_left_out() {
        let reply = vec![bytes("2|a,b,c"), Value::Int(5), bytes("rubbish"), Value::Int(5)];
        let set = NodeSet::parse("2|a,b,c").expect("a set");
        let remaining = Duration::from_millis(5);
        assert_eq!(sets(Value::Array(reply)).expect("readable"), [AnnouncedSet::new(set, remaining)]);
    }
}
