use broker_core::permission::Permission;
use broker_core::verb::{Operation, Verb};

enum UnwrapForGet {}

impl Verb for UnwrapForGet {
    const OPERATION: Operation = Operation::UnwrapKey;
    const PERMISSION: Permission = Permission::Get;
}

fn main() {}
