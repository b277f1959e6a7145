/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A symbolic link appears. */

SEC("lsm/path_symlink")
int BPF_PROG(lsm_path_symlink, const struct path *dir, struct dentry *dentry, const char *target)
{
	struct guard guard = {};

	if (!enter_for(&guard, RP_GUARD_FILES | RP_GUARD_TREES))
		return 0;
	return check_new(&guard, dir, dentry, RP_OP_CREATE) ? DENY_ERROR : 0;
}
