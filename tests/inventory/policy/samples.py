"""Policy files as operators write them, with every construct that production files use."""

from __future__ import annotations

POLICY = """\
Partition Physics

### Target sites
On site.name in [T*_MSS T0_CH_CERN_Disk T1_*_Disk T2_*]

### Trigger
When site.occupancy > 0.9
When site.status == MORGUE
Until site.status != MORGUE and site.occupancy < 0.85

Ignore site.name == T*_MSS
ProtectBlock blockreplica.is_locked
Delete dataset.status == DEPRECATED and dataset.last_update older_than 1 week ago
Protect replica.enforcer_protected
ProtectBlock dataset.on_tape == PARTIAL and not blockreplica.on_tape
ProtectBlock blockreplica.is_last_transfer_source
Protect dataset.name == /*/*/RAW and dataset.on_tape != FULL
#ProtectBlock dataset.name == /*/*/NANOAOD* and blockreplica.owner == AnalysisOps
Protect dataset.name =~ /[^/]+/.*CMSSW_[0-9]+_[0-9]+_[0-9]+[^/]*/.+ and dataset.name !=~ /[^/]+/.*_pre[^/]*/.+
DeleteBlock blockreplica.owner == IB RelVal and dataset.size > 3e12
Delete site.name notin [T2_CH_CERN T1_US_FNAL_Disk] and replica.num_full_other_copy_common_owner > 0
DismissBlock dataset.name == /*/*/RECO and blockreplica.last_update older_than 90 days ago until 2035-06-04 12:00
Protect dataset.last_update newer_than 12 months ago from January 1
Dismiss dataset.usage_rank > 200

# Default decision
Dismiss

Order decreasing dataset.usage_rank increasing replica.size
"""

PARTITIONS = """\
# Partition definitions

AnalysisOps:  blockreplica.owner == AnalysisOps and site.storage_type == DISK
IB RelVal:    blockreplica.owner == IB RelVal and site.storage_type == DISK
Unsubscribed: blockreplica.owner == None and site.storage_type == DISK
Express:      blockreplica.owner == express and dataset.name == /*/*Express*/* and site.storage_type == DISK
PhysicsTape:  site.storage_type == MSS
Physics:      [AnalysisOps, IB RelVal, PhysicsTape]
AllDisk:      blockreplica.owner != None and site.storage_type == DISK
"""


def policy(*lines: str, head: str = "", default: str = "Dismiss", order: str = "Order none") -> str:
    """A small whole policy with the given lines in its stack."""
    head = head or "Partition P\nOn always\nWhen site.occupancy > 0.9\nUntil site.occupancy < 0.8"
    return "\n".join([head, *lines, default, order])
