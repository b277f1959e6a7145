/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A server begins to listen, with or without a bind before. */

SEC("lsm/socket_listen")
int BPF_PROG(lsm_socket_listen, struct socket *sock, int backlog)
{
	__u16 family = BPF_CORE_READ(sock, sk, __sk_common.skc_family);
	__u16 port = BPF_CORE_READ(sock, sk, __sk_common.skc_num);

	if (family != AF_INET_ && family != AF_INET6_)
		return 0;
	return check_act(RP_GUARD_LISTEN, RP_OP_LISTEN, port) ? DENY_ERROR : 0;
}
