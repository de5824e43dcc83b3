"""Who may do what, through Microsoft's administration client: role assignments and role definitions."""

import uuid

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.keyvault.administration import KeyVaultAccessControlClient, KeyVaultPermission, KeyVaultRoleScope
from azure.keyvault.keys.crypto import KeyWrapAlgorithm

import kv
import run

JO = "dev/uri:spiffe://keybroker.test/jo"
AES = KeyWrapAlgorithm.aes_256
GLOBAL, KEYS = KeyVaultRoleScope.GLOBAL, KeyVaultRoleScope.KEYS


def access(name: str, vault: str = "vault1", **more) -> KeyVaultAccessControlClient:
    client = run.client(name, vault)
    return KeyVaultAccessControlClient(client.vault_url, kv.FixedToken(), **{**client.how(), **more})


def definitions(admin) -> dict:
    listed = {definition.role_name: definition for definition in admin.list_role_definitions(GLOBAL)}
    run.equal(len(listed), 8)
    user = listed["Key Vault Crypto Service Encryption User"]
    run.equal((user.name, user.role_type), ("e147488a-f6f5-4113-8e2d-b22465e65bf6", "AKVBuiltInRole"))
    run.equal(sorted(user.permissions[0].data_actions), [
        "Microsoft.KeyVault/vaults/keys/read",
        "Microsoft.KeyVault/vaults/keys/unwrap/action",
        "Microsoft.KeyVault/vaults/keys/wrap/action"])
    run.equal(admin.get_role_definition(KEYS, user.name).id, user.id)
    run.refused(404, "NotFound", admin.get_role_definition, GLOBAL, str(uuid.uuid4()))
    single = admin.get_role_definition(GLOBAL, "permissions-get-wrapKey")
    run.equal((single.role_name, single.role_type), ("get, wrapKey", "CustomRole"))
    run.refused(501, "NotImplemented", admin.set_role_definition, GLOBAL, role_name="mine",
                permissions=[KeyVaultPermission(data_actions=["Microsoft.KeyVault/managedHsm/keys/sign/action"])])
    run.refused(501, "NotImplemented", admin.delete_role_definition, GLOBAL, user.name)
    return listed


def life(admin, roles) -> None:
    """An assignment is in force when it is answered, and is over when its deletion is."""
    run.client("admin").keys.create_oct_key("guarded", size=256, hardware_protected=False)
    jo = run.client("jo").crypto(run.client("admin").keys.get_key("guarded"))
    dek = bytes(32)
    run.refused(403, "Forbidden/ForbiddenByRbac", jo.wrap_key, AES, dek)
    role = roles["Key Vault Crypto Service Encryption User"]
    for scope, shown in ((GLOBAL, "/"), (KEYS, "/keys"), ("/keys/guarded", "/keys/guarded")):
        name = str(uuid.uuid4())
        made = admin.create_role_assignment(scope, role.id, JO, name=name)
        run.equal((made.name, made.properties.scope, made.properties.principal_id), (name, shown, JO))
        run.equal((made.properties.role_definition_id, made.type), (role.id, "Microsoft.Authorization/roleAssignments"))
        run.equal(jo.unwrap_key(AES, jo.wrap_key(AES, dek).encrypted_key).key, dek)
        run.equal(admin.get_role_assignment(scope, name).role_assignment_id, made.role_assignment_id)
        run.equal(name in [row.name for row in admin.list_role_assignments(scope)], True)
        try:
            admin.create_role_assignment(scope, role.id, JO, name=name)
        except ResourceExistsError as error:
            run.equal(error.error.code, "Conflict")
        else:
            raise SystemExit("one name was given twice")
        admin.delete_role_assignment(scope, name)
        run.refused(403, "Forbidden/ForbiddenByRbac", jo.wrap_key, AES, dek)
        # The client takes "not found" for done, as it does with Azure.
        admin.delete_role_assignment(scope, name)
        run.refused(404, "NotFound", admin.get_role_assignment, scope, name)
    by_older_version = access("admin", api_version="7.4").create_role_assignment(GLOBAL, role.name, JO)
    admin.delete_role_assignment(GLOBAL, by_older_version.name)
    single = admin.create_role_assignment("/keys/guarded", "permissions-wrapKey", JO)
    wrapped = jo.wrap_key(AES, dek).encrypted_key
    run.refused(403, "Forbidden/ForbiddenByRbac", jo.unwrap_key, AES, wrapped)
    # An assignment is the vault's that it was made in.
    try:
        access("admin", "vault2").get_role_assignment(GLOBAL, single.name)
    except ResourceNotFoundError:
        admin.delete_role_assignment(GLOBAL, single.name)


def listings(admin, roles) -> None:
    role = roles["Key Vault Reader"]
    names = [f"dev/uri:spiffe://keybroker.test/host-{number:02}" for number in range(30)]
    made = [admin.create_role_assignment(f"/keys/key-{number:02}", role.id, name).name
            for number, name in enumerate(names)]
    # More than fit on a page.
    run.equal([row.name for row in admin.list_role_assignments(KEYS) if row.name in made], sorted(
        made, key=lambda name: [row.name for row in admin.list_role_assignments(GLOBAL)].index(name)))
    run.equal(len([row for row in admin.list_role_assignments(GLOBAL) if row.name in made]), 30)
    run.equal([row.name for row in admin.list_role_assignments("/keys/key-07")], [made[7]])
    for quote in ("", "'"):
        asked = admin.list_role_assignments(GLOBAL, filter=f"principalId eq {quote}{names[3]}{quote}")
        run.equal([row.name for row in asked], [made[3]])
    above = [row.properties.scope for row in admin.list_role_assignments("/keys/key-07", filter="atScope()")]
    run.equal(set(above), {"/", "/keys/key-07"})
    run.refused(400, "BadParameter", lambda: list(admin.list_role_assignments(GLOBAL, filter="name eq 'x'")))


def refusals(admin, roles) -> None:
    reader, officer = roles["Key Vault Reader"], roles["Key Vault Crypto Officer"]
    ours = "dev/uri:spiffe://keybroker.test/admin"
    message = run.refused(403, "Forbidden/ForbiddenByRbac", admin.create_role_assignment, GLOBAL, reader.id, ours)
    run.equal("to itself" in message, True)
    run.refused(400, "BadParameter", admin.create_role_assignment, GLOBAL, reader.id, "7c1f7f0c-nobody")
    run.refused(400, "BadParameter", admin.create_role_assignment, GLOBAL, str(uuid.uuid4()), JO)
    run.refused(400, "BadParameter", admin.create_role_assignment, GLOBAL, reader.id, JO, name="not-a-uuid")
    # May grant, and holds no more than what a reader does.
    clerk = access("clerk")
    made = clerk.create_role_assignment(GLOBAL, reader.id, JO)
    run.refused(403, "Forbidden/ForbiddenByRbac", clerk.create_role_assignment, GLOBAL, officer.id, JO)
    run.refused(403, "Forbidden/ForbiddenByRbac", lambda: list(clerk.list_role_assignments(GLOBAL)))
    run.refused(403, "Forbidden/ForbiddenByRbac", lambda: list(clerk.list_role_definitions(GLOBAL)))
    # Somebody else's is refused in the same words as one that is not there.
    elsewhere = access("admin", "vault2").create_role_assignment(GLOBAL, reader.id, JO).name
    other = access("clerk", "vault2")
    there, absent = (run.refused(403, "Forbidden/ForbiddenByRbac", other.delete_role_assignment, GLOBAL, name)
                     for name in (elsewhere, str(uuid.uuid4())))
    run.equal(there, absent)
    clerk.delete_role_assignment(GLOBAL, made.name)
    # Its own right ends, and no client can say until when an assignment lasts.
    message = run.refused(
        403, "Forbidden/ForbiddenByRbac", access("brief").create_role_assignment, GLOBAL, reader.id, JO)
    run.equal("for longer than its own right lasts" in message, True)


if __name__ == "__main__":
    ADMIN = access("admin")
    ROLES = definitions(ADMIN)
    life(ADMIN, ROLES)
    listings(ADMIN, ROLES)
    refusals(ADMIN, ROLES)
