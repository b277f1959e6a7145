/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Extended attributes: file capabilities are one. */

SEC("lsm/inode_setxattr")
int BPF_PROG(lsm_inode_setxattr, void *idmap, struct dentry *dentry, const char *name)
{
	struct guard guard = {};

	if (!enter_for(&guard, RP_GUARD_FILES | RP_GUARD_TREES))
		return 0;
	return check_file(&guard, 0, dentry, RP_FILE_NO_WRITE, RP_OP_ATTRIB);
}
