/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Times and all else of an inode that no path hook sees. A write changes times too, through a
 * descriptor that was judged already, and only such changes reach this hook for files that may be
 * written. Kernel 6.9 put the mount's id map before the arguments.
 */

static __always_inline int setattr_checked(struct dentry *dentry)
{
	struct guard guard = {};

	if (!enter_for(&guard, RP_GUARD_FILES | RP_GUARD_TREES))
		return 0;
	return check_file(&guard, 0, dentry, RP_FILE_NO_WRITE, RP_OP_ATTRIB);
}

SEC("lsm/inode_setattr")
int BPF_PROG(lsm_inode_setattr, struct dentry *dentry, void *attr)
{
	return setattr_checked(dentry);
}

SEC("lsm/inode_setattr")
int BPF_PROG(lsm_inode_setattr_idmap, void *idmap, struct dentry *dentry, void *attr)
{
	return setattr_checked(dentry);
}
