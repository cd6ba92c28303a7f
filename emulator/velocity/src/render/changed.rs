//! Frees lists and maps that contain themselves.

use std::rc::{Rc, Weak};

use crate::value::{List, Map, Value};

/// The lists and maps that received another list or map. Each cycle has one of them, so that clearing them frees all memory.
#[derive(Default)]
pub(super) struct Changed {
    lists: Vec<Weak<List>>,
    maps: Vec<Weak<Map>>,
}

impl Changed {
    /// Notes what receives an argument that contains others.
    pub(super) fn note(&mut self, receiver: &Value, arguments: &[Value]) {
        if arguments.iter().any(Value::is_container) {
            match receiver {
                Value::List(list) => self.lists.push(Rc::downgrade(list)),
                Value::Map(map) => self.maps.push(Rc::downgrade(map)),
                _ => {}
            }
        }
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        for list in self.lists.iter().filter_map(Weak::upgrade) {
            // The items are dropped after the borrow ends.
            let items = list.items.take();
            drop(items);
        }
        for map in self.maps.iter().filter_map(Weak::upgrade) {
            let members = map.members.take();
            drop(members);
        }
    }
}
