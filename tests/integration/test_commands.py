# SPDX-License-Identifier: Apache-2.0
"""The commands that the checks offer, and those that their texts name, exist: cmdlet and parameters, in the shell that is
named. The tables below come from Microsoft's cmdlet reference; a command that is not in them has to be looked up first."""
import glob
import os
import re

import pytest

from conftest import TOP

ONLINE, SERVER, GRAPH, OTHER = "Exchange Online PowerShell", "Exchange Management Shell", "Microsoft Graph", "other"

# What findings offer as a command: where it is run, and the parameters that are used.
COMMANDS = {
    "Complete-MigrationBatch": (ONLINE, "Identity"),
    "Get-ADObject": (OTHER, "Identity Properties"),
    "Get-ADSyncToolsAadObject": (OTHER, "SyncObjectType"),
    "Get-FederatedOrganizationIdentifier": (ONLINE, "IncludeExtendedDomainInfo"),
    "Invoke-MgGraphRequest": (GRAPH, "Body Method Uri"),
    "New-MoveRequest": (ONLINE, "Identity Remote RemoteCredential RemoteHostName TargetDeliveryDomain"),
    "Remove-DatabaseAvailabilityGroupServer": (SERVER, "Identity MailboxServer"),
    "Remove-MoveRequest": (SERVER, "Identity"),
    "Set-ClientAccessService": (SERVER, "AutoDiscoverServiceInternalUri Identity"),
    "Set-DkimSigningConfig": (ONLINE, "Enabled Identity"),
    "Set-HybridConfiguration": (SERVER, "Features"),
    "Set-InboundConnector": (ONLINE, "Enabled Identity"),
    "Set-Mailbox": (ONLINE, "Identity IsExchangeCloudManaged"),
    "Set-OrganizationConfig": (ONLINE, "ExchangeAttributesCloudManagedByDefault ExchangeAttributesServerManagedByDefault "
                                       "RemotePublicFolderMailboxes"),
    "Set-OrganizationRelationship": (SERVER, "Enabled Identity"),
    "Set-OutboundConnector": (ONLINE, "Identity RouteAllMessagesViaOnPremises"),
    "Set-ReceiveConnector": (SERVER, "Enabled Identity"),
    "Set-SendConnector": (SERVER, "Enabled Identity"),
    "Set-TransportRule": (ONLINE, "Identity RouteMessageOutboundConnector"),
    "Set-WebServicesVirtualDirectory": (SERVER, "Identity MRSProxyEnabled"),
}
# Cmdlets of both sides: a text has to say which is meant.
BOTH_SIDES = {"Complete-MigrationBatch", "Get-FederatedOrganizationIdentifier", "New-MoveRequest", "Remove-MoveRequest", "Set-Mailbox", "Set-OrganizationConfig",
              "Set-OrganizationRelationship", "Set-TransportRule"}
# What texts name beside these.
NAMED = set("""Disable-MailPublicFolder Disable-Mailbox Disable-RemoteMailbox Disable-UMMailbox Enable-RemoteMailbox
Export-JournalRuleCollection Export-TransportRuleCollection Get-ADObject Get-ADSyncGlobalSettings Get-ADSyncScheduler Get-ADSyncToolsAadObject Get-AuthConfig
Get-MailboxDatabase Get-OnPremisesOrganization Get-OrganizationConfig Get-PSSnapin Get-RemoteMailbox New-OrganizationRelationship New-SharingPolicy
Remove-EdgeSubscription Remove-UMAutoAttendant Remove-UMIPGateway Set-PartnerApplication Set-TransportConfig Get-ClientAccessService Get-Credential
Get-DkimSigningConfig Get-Mailbox Get-MessageTrackingLog Get-MoveRequest Get-OutboundConnector Get-ReceiveConnector Get-SiteMailbox New-DynamicDistributionGroup
New-MigrationBatch New-RemoteMailbox Remove-Mailbox Remove-SyncMailPublicFolder Set-ADServerSettings Set-AcceptedDomain Set-MailboxSearch
Set-RemoteMailbox Sync-MailPublicFolders Get-ADComputer Get-Acl Get-Command Get-DistributionGroup Get-DynamicDistributionGroup Get-MailContact Get-MailUser Get-ManagementRoleAssignment Get-Message Get-Process Get-Queue
Remove-MailboxDatabase Remove-ADSyncToolsAadObject Set-DistributionGroup Set-DynamicDistributionGroup
Test-Path""".split())
VERBS = "Complete|Disable|Enable|Export|Get|Invoke|New|Remove|Set|Start|Stop|Sync|Test|Update"
# Nothing that takes content away may stand ready to be pasted.
DESTROYING = re.compile(r"^(Disable|Remove)-(?!MoveRequest$|DatabaseAvailabilityGroupServer$)")


def code():
    for path in sorted(glob.glob(os.path.join(TOP, "checks", "*.c"))):
        with open(path, encoding="utf-8") as text:
            yield os.path.basename(path), re.sub(r"/\*.*?\*/", "", text.read(), flags=re.S)


def definitions(text):
    """Each definition and each macro, its string literals joined."""
    text = text.split("static const struct uh_check checks[]")[0]
    for part in re.split(r";\n|\n(?=#define)|(?<!\\)\n(?=static )", text.replace("\\\n", "\n")):
        yield "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', part))


def templates():
    """(file, cmdlet, parameters): a string of SQL that begins with a cmdlet, to the next one or the definition's end."""
    for name, text in code():
        for sql in definitions(text):
            starts = list(re.finditer(rf"'(({VERBS})-[A-Z]\w+)(?= )", sql))
            for start, end in zip(starts, [s.start() for s in starts[1:]] + [len(sql)]):
                yield name, start.group(1), set(re.findall(r"(?<=[ '])-([A-Z]\w+)", sql[start.end():end]))


def checks():
    for name, text in code():
        for entry in re.split(r"\{\.id = ", text)[1:]:
            id_ = re.match(r'"([^"]+)"', entry).group(1)
            remedy = re.search(r"\.remedy =(.*?)\.reference", entry, re.S)
            yield name, id_, re.sub(r'"\s*"', "", remedy.group(1)) if remedy else ""


def test_templates_are_found():
    assert {cmdlet for _, cmdlet, _ in templates()} == set(COMMANDS)


@pytest.mark.parametrize("file,cmdlet,parameters", list(templates()))
def test_parameters_exist(file, cmdlet, parameters):
    assert parameters, f"{file}: {cmdlet} without a parameter"
    assert parameters <= set(COMMANDS[cmdlet][1].split())
    assert not DESTROYING.match(cmdlet)


def test_every_parameter_of_the_table_is_used():
    used = {}
    for _, cmdlet, parameters in templates():
        used.setdefault(cmdlet, set()).update(parameters)
    assert used == {cmdlet: set(parameters.split()) for cmdlet, (_, parameters) in COMMANDS.items()}


def test_texts_name_known_cmdlets():
    for name, text in code():
        named = set(re.findall(rf"\b(?:{VERBS})-[A-Z][A-Za-z]+", re.sub(r'"\s*"', "", text)))
        assert named <= NAMED | set(COMMANDS), name


def test_shell_is_named():
    """A file that offers a cmdlet of both sides names its shell in a remedy; so does every remedy that names such a cmdlet."""
    remedies = {}
    for name, id_, remedy in checks():
        remedies.setdefault(name, "")
        remedies[name] += remedy
        for cmdlet in BOTH_SIDES & set(re.findall(rf"\b(?:{VERBS})-[A-Z][A-Za-z]+", remedy)):
            assert ONLINE in remedy or SERVER in remedy, f"{id_}: {cmdlet}"
    for name, cmdlet, _ in templates():
        if cmdlet in BOTH_SIDES:
            assert COMMANDS[cmdlet][0] in remedies[name], (name, cmdlet)
