// Queries to begin with.

export const SAMPLES = [
  {
    title: "Cases that changed in the last day",
    query: `query RetrieveUpdatedCases {
  viewer {
    account {
      cases(lastModifiedMinutes: 1440) {
        id
        subject
        status
        type
        priority
        lastModifiedDate
        customerReference
        communications {
          message
          type
          timestamp
          sentBy
        }
        site { siteId }
        service { serviceId }
      }
    }
  }
}`,
  },
  {
    title: "Open a case",
    query: `mutation CreateCase($serviceId: String!, $start: String) {
  createCase(
    type: "Incident"
    subject: "ServiceDown"
    serviceId: $serviceId
    message: "No traffic since this morning."
    startOfIncident: $start
    endOfIncident: null
  ) {
    id
  }
}`,
    variables: { serviceId: "SVC-98000001", start: "2026-03-02T06:10:00Z" },
  },
  {
    title: "Answer in a case",
    query: `mutation ReplyToCase($caseId: String!, $message: String!, $sentBy: String) {
  replyToCase(caseId: $caseId, message: $message, sentBy: $sentBy)
}`,
    variables: { caseId: "CAS-98000001", message: "Power is fine on our side.", sentBy: "noc@acme.example" },
  },
  {
    title: "A page of services with their sites",
    query: `query Services($after: String) {
  services(first: 25, after: $after, filter: {status: {eq: "RFS"}}, sort: [{field: serviceName}]) {
    totalCount
    nodes {
      serviceId
      serviceName
      status
      site { siteId name city country }
    }
    pageInfo { hasNextPage endCursor }
  }
}`,
  },
  {
    title: "Invoices with their lines",
    query: `{
  invoices(first: 5, sort: [{field: invoiceDate, descending: true}]) {
    nodes {
      invoiceReference
      invoiceDate
      totalAmount
      invoiceCurrency
      status
      lines { description quantity unitPrice sumInvoiceLineInvoiceCurrencyAmount }
    }
    pageInfo { hasNextPage endCursor }
  }
}`,
  },
];
