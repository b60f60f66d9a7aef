"""Every SQL statement of the customers domain that is not a list."""

from trunkline.kit.statements import Statement

READ_REACH = Statement("SELECT customer_id, path FROM accounts WHERE tenant_id = $1 AND id = $2")
