/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A name moves: from a protected place, onto one, or with a protected file below it. Exchanges are
 * asked about in both directions.
 */

SEC("lsm/path_rename")
int BPF_PROG(lsm_path_rename, const struct path *old_dir, struct dentry *old,
	     const struct path *new_dir, struct dentry *new)
{
	struct guard guard = {};
	int refused;

	if (!enter_for(&guard, RP_GUARD_FILES | RP_GUARD_TREES))
		return 0;
	refused = check_file(&guard, BPF_CORE_READ(old_dir, mnt), old,
			     RP_FILE_NO_WRITE | RP_FILE_NO_READ | RP_FILE_NO_EXEC | RP_FILE_ANCESTOR,
			     RP_OP_RENAME);
	if (refused)
		return DENY_ERROR;
	refused = check_file(&guard, BPF_CORE_READ(new_dir, mnt), new,
			     RP_FILE_NO_WRITE | RP_FILE_ANCESTOR, RP_OP_RENAME);
	if (refused)
		return DENY_ERROR;
	return check_new(&guard, new_dir, new, RP_OP_RENAME) ? DENY_ERROR : 0;
}
