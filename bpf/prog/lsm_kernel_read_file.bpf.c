/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The kernel reads a file for itself: a module (2), a kexec image (3) and its initramfs (4). */

#define READING_MODULE_ 2
#define READING_KEXEC_INITRAMFS_ 4

SEC("lsm/kernel_read_file")
int BPF_PROG(lsm_kernel_read_file, struct file *file, int id, bool contents)
{
	if (id < READING_MODULE_ || id > READING_KEXEC_INITRAMFS_)
		return 0;
	return check_act(RP_GUARD_MODULE, RP_OP_MODULE, id) ? DENY_ERROR : 0;
}
