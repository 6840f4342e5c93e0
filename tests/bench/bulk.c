// The least that measures a hypervisor: libvirt's bulk call each second, thrown away; bench-bulk URI.
// Not for making samples: it is what the agent's memory is compared with.
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char** argv) {
  virConnectPtr connection = argc == 2 ? virConnectOpenReadOnly(argv[1]) : NULL;
  if (connection == NULL) return 1;
  for (virDomainStatsRecordPtr* records = NULL;; records = NULL, sleep(1)) {
    int count = virConnectGetAllDomainStats(connection, 0, &records, 0);
    virDomainStatsRecordListFree(records);
    printf("%d\n", count);
    fflush(stdout);
  }
}
