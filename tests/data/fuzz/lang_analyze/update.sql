UPDATE item SET title = a.name, price = a.n FROM acct AS a WHERE a.id = item.owner AND 10 / a.id > $i;
