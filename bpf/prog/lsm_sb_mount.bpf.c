/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* mount(2): over a protected place, or at all. */

static __always_inline int mount_checked(const struct path *at, __u32 op)
{
	struct guard guard = {};
	struct denial denial = { .op = op, .reason = RP_REASON_GUARD };

	if (!enter(&guard))
		return 0;
	denial.mnt = BPF_CORE_READ(at, mnt);
	denial.dentry = BPF_CORE_READ(at, dentry);
	if (!covered(&guard, &denial,
		     RP_FILE_NO_WRITE | RP_FILE_NO_READ | RP_FILE_NO_EXEC | RP_FILE_ANCESTOR))
		return guard_act(&guard, &denial, RP_GUARD_MOUNT);
	refuse(&guard, &denial);
	return DENY_ERROR;
}

#define MS_REMOUNT_ 32
#define MS_PROPAGATION_ (0x20000 | 0x40000 | 0x80000 | 0x100000)

SEC("lsm/sb_mount")
int BPF_PROG(lsm_sb_mount, const char *source, const struct path *path, const char *type,
	     unsigned long flags, void *data)
{
	/* What is mounted stays where it is. */
	if (flags & (MS_REMOUNT_ | MS_PROPAGATION_))
		return 0;
	return mount_checked(path, RP_OP_MOUNT) ? DENY_ERROR : 0;
}
