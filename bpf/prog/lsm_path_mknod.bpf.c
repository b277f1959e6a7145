/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A file appears: by mknod, or by an open that creates it. */

SEC("lsm/path_mknod")
int BPF_PROG(lsm_path_mknod, const struct path *dir, struct dentry *dentry, umode_t mode,
	     unsigned int dev)
{
	struct guard guard = {};

	if (!enter_for(&guard, RP_GUARD_FILES | RP_GUARD_TREES))
		return 0;
	return check_new(&guard, dir, dentry, RP_OP_CREATE) ? DENY_ERROR : 0;
}
