//! What the kinds about orders share: which are seen, and in which words.

use spanwatch_parsers::{Fact, Order};

use super::weakness::Sight;
use crate::observation::Observation;

/// See [`super::Detector::reads`].
pub const fn reads(fact: &Fact) -> bool {
    matches!(fact, Fact::Command(_))
}

/// One of these orders, which a device obeyed: what, as whom, from where.
pub fn obeyed(seen: &Observation, orders: &[Order]) -> Option<Sight> {
    let Fact::Command(command) = &seen.fact else { return None };
    let whom = command.account.as_ref().map_or_else(String::new, |account| format!(" as {account}"));
    let from = seen.peer.ip.map_or_else(String::new, |ip| format!(" from {ip}"));
    orders.contains(&command.order).then(|| Sight::of(seen, format!("{}{whom}{from}", command.what)))
}

#[cfg(test)]
mod tests {
    use spanwatch_parsers::Command;

    use super::super::weakness::bench::kinds;
    use super::super::{
        account_changed, cleartext_management, configuration_changed, door_command, ptz_command,
    };
    use super::*;
    use crate::finding::Kind;

    #[test]
    fn each_kind_is_told_by_its_own_orders_and_no_other() {
        use Order::{Account, Configure, Door, Firmware, Move, Reset};
        let own: [(&'static Kind, &[Order]); 5] = [
            (&account_changed::KIND, &[Account]),
            (&cleartext_management::KIND, &[Configure, Account, Firmware, Reset]),
            (&configuration_changed::KIND, &[Configure, Firmware, Reset]),
            (&door_command::KIND, &[Door]),
            (&ptz_command::KIND, &[Move]),
        ];
        for (kind, own) in own {
            for order in [Configure, Account, Firmware, Reset, Move, Door] {
                let command = Command { order, what: "PUT /x".into(), account: Some("admin".into()) };
                let told = kinds(kind, &[&(1, Fact::Command(Box::new(command)))]);
                assert_eq!(told.len(), usize::from(own.contains(&order)), "{}: {order:?}", kind.id);
                for told in told {
                    assert!(told.evidence[0].text.starts_with("PUT /x as admin"), "{told:?}");
                }
            }
        }
    }
}
