//! Who asks: a signed-in member of staff, or a system with a credential of its own.

use serde::{Deserialize, Serialize};

/// A user, as far as the gate needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Stable id, unique in the region.
    pub id: String,
    /// Name as shown to others.
    pub name: String,
    /// National role code (`R8000` clinical practitioner, `R8001` nurse …), or `system`.
    pub role_code: String,
    /// The role in words.
    pub role_name: String,
    /// ODS code of the organisation the user acts for.
    pub org_code: String,
    /// Its name.
    pub org_name: String,
}
