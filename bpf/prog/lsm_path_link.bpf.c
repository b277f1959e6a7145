/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Another name for a file: none out of a protected directory, none into one. */

SEC("lsm/path_link")
int BPF_PROG(lsm_path_link, struct dentry *old, const struct path *new_dir, struct dentry *new)
{
	struct guard guard = {};

	if (!enter_for(&guard, RP_GUARD_FILES | RP_GUARD_TREES))
		return 0;
	if (check_file(&guard, BPF_CORE_READ(new_dir, mnt), old,
		       RP_FILE_NO_WRITE | RP_FILE_NO_READ | RP_FILE_NO_EXEC, RP_OP_LINK))
		return DENY_ERROR;
	return check_new(&guard, new_dir, new, RP_OP_LINK) ? DENY_ERROR : 0;
}
