//! The way of an event from bus to bus, and where it ends. Pure.

/// The maximum number of buses behind one another that an event passes. The number is hardcap's.
const DEPTH_MAX: usize = 10;
/// How often the rules of buses can send an accepted event to a bus. The number is hardcap's.
const FORWARDS_MAX: u32 = 100;

/// The way of an accepted event from bus to bus.
#[derive(Debug)]
pub(super) struct Way {
    /// The buses behind one another that the event passes at the moment.
    buses: Vec<String>,
    forwards: u32,
    /// Whether the log has a line about a bus that did not get the event.
    pub(super) is_reported: bool,
}

impl Way {
    /// The way of an event that a bus has accepted.
    pub(super) fn from(bus: &str) -> Way {
        Way { buses: vec![bus.to_owned()], forwards: 0, is_reported: false }
    }

    /// Goes on to a bus.
    ///
    /// # Errors
    ///
    /// The reason why the way ends before the bus.
    pub(super) fn enter(&mut self, bus: &str) -> Result<(), String> {
        if self.buses.iter().any(|passed| passed == bus) {
            return Err(format!(
                "the event has passed the event bus {bus}; on AWS it would go in a circle"
            ));
        }
        if self.buses.len() >= DEPTH_MAX {
            return Err(format!("an event passes at most {DEPTH_MAX} buses behind one another"));
        }
        if self.forwards >= FORWARDS_MAX {
            return Err(format!(
                "the rules of buses send an event to at most {FORWARDS_MAX} buses"
            ));
        }
        self.forwards += 1;
        self.buses.push(bus.to_owned());
        Ok(())
    }

    /// Goes back from the last bus.
    pub(super) fn leave(&mut self) {
        self.buses.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_has_a_bounded_depth_and_a_bounded_number_of_buses() {
        let mut way = Way::from("b0");
        assert!(way.enter("b0").is_err());
        for at in 1..10 {
            way.enter(&format!("b{at}")).unwrap();
        }
        assert_eq!(
            way.enter("c").unwrap_err(),
            "an event passes at most 10 buses behind one another"
        );
        way.leave();
        for _ in 9..100 {
            way.enter("c").unwrap();
            way.leave();
        }
        assert_eq!(
            way.enter("c").unwrap_err(),
            "the rules of buses send an event to at most 100 buses"
        );
    }
}
