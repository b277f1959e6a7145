/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Raw sockets carry packets that no address check sees. */

#define SOCK_RAW_ 3
#define SOCK_PACKET_ 10
#define AF_INET6_ 10
#define AF_PACKET_ 17

SEC("lsm/socket_create")
int BPF_PROG(lsm_socket_create, int family, int type, int protocol, int kern)
{
	bool raw = family == AF_PACKET_ ||
		   ((family == AF_INET_ || family == AF_INET6_) &&
		    (type == SOCK_RAW_ || type == SOCK_PACKET_));

	if (kern || !raw)
		return 0;
	return check_act(RP_GUARD_RAW_SOCKET, RP_OP_SOCKET, family) ? DENY_ERROR : 0;
}
