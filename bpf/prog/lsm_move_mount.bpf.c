/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The newer interface: a mount goes from one place to another. */

SEC("lsm/move_mount")
int BPF_PROG(lsm_move_mount, const struct path *from, const struct path *to)
{
	if (mount_checked(from, RP_OP_MOUNT))
		return DENY_ERROR;
	return mount_checked(to, RP_OP_MOUNT) ? DENY_ERROR : 0;
}
