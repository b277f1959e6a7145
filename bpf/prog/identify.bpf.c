/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Says which files are behind a descriptor of the caller, as `file_rules` names them: what stat
 * says of an overlay's file is neither of its layers'.
 */

SEC("syscall")
int identify(struct rp_identify *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct rp_file_key key = {};
	struct file **slots, *file = 0;
	struct inode *inode, *upper, *lower;
	__u32 fd = ctx->fd;

	ctx->count = 0;
	if (fd >= BPF_CORE_READ(table, max_fds))
		return 1;
	slots = BPF_CORE_READ(table, fd);
	bpf_probe_read_kernel(&file, sizeof(file), slots + fd);
	inode = BPF_CORE_READ(file, f_inode);
	if (!inode)
		return 2;
	if (!is_overlay(inode)) {
		file_key(&key, inode);
		ctx->keys[0] = key;
		ctx->count = 1;
		return 0;
	}
	upper = BPF_CORE_READ(upper_dentry(inode), d_inode);
	lower = BPF_CORE_READ(lower_dentry(inode), d_inode);
	if (upper) {
		file_key(&key, upper);
		ctx->keys[0] = key;
		ctx->count = 1;
	}
	if (lower) {
		file_key(&key, lower);
		ctx->keys[1] = key;
		if (!upper)
			ctx->keys[0] = key;
		ctx->count = upper ? 2 : 1;
	}
	return 0;
}
