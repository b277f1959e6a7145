/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A mount is taken away: not one with protected files, which would show what lies below. */

SEC("lsm/sb_umount")
int BPF_PROG(lsm_sb_umount, struct vfsmount *mnt, int flags)
{
	struct guard guard = {};

	if (!enter_for(&guard, RP_GUARD_FILES | RP_GUARD_TREES))
		return 0;
	return check_file(&guard, mnt, BPF_CORE_READ(mnt, mnt_root),
			  RP_FILE_NO_WRITE | RP_FILE_NO_READ | RP_FILE_NO_EXEC | RP_FILE_ANCESTOR,
			  RP_OP_UNMOUNT);
}
